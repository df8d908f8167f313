"""One user's inbox: how far they have read a conversation, whether they want to hear of it, and what they hide in it.

Only the user knows it and only they change it: everyone who is or was in the conversation, within their stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from core.domain import message
from core.domain.conversation import Conversation
from core.domain.decision import Context, misfit
from schemas.inbox_commands import (
    ArchiveConversation,
    HideMessage,
    InboxCommand,
    MuteConversation,
    ReadMessages,
    UnarchiveConversation,
    UnmuteConversation,
)
from schemas.inbox_events import ConversationArchived, ConversationMuted, CursorMoved, InboxEvent, MessageHidden

# State


@dataclass(frozen=True, slots=True)
class Inbox:
    """How one user has one conversation, or a thread of it, which has a cursor and nothing else; as it is here before
    they did anything to it.

    `read` is the seq they have read up to, since `read_at`. Muted without `muted_until` is muted for good; when that
    time has come it is over, which whoever looks at it decides by their clock. `hidden` counts messages.
    """

    read: int = 0
    read_at: str | None = None
    muted: bool = False
    muted_until: str | None = None
    archived: bool = False
    hidden: int = 0


# Evolve


def evolve(state: Inbox, event: InboxEvent) -> Inbox:
    """The state after an event. Total: what is so already changes nothing, and a cursor never goes back."""
    match event:
        case CursorMoved():
            return replace(state, read=event.seq, read_at=event.at) if event.seq > state.read else state
        case ConversationMuted():
            return replace(state, muted=event.on, muted_until=event.until if event.on else None)
        case ConversationArchived():
            return replace(state, archived=event.on)
        case MessageHidden():
            return replace(state, hidden=state.hidden + 1)
        case _:
            assert_never(event)


# Decide


def decide(
    command: InboxCommand,
    where: Conversation,
    context: Context,
    *,
    head: int = 0,
    about: message.State | None = None,
) -> Sequence[InboxEvent]:
    """What a command of somebody who is or was in the conversation `where` makes happen. Raises `Rejected`.

    `head` is the number of its last message, which a cursor goes up to at most; `about` the message that is hidden, or
    one of the thread that is read.
    What is so already is appended all the same: only the log knows what is so by then, and the fold ignores it.
    """
    match command:
        case ReadMessages():
            return _read(command, where, context, head, about or message.Absent())
        case HideMessage():
            return [_hidden(command, about or message.Absent(), where, context)]
        case MuteConversation() | UnmuteConversation():
            return [_muted(command, context)]
        case ArchiveConversation() | UnarchiveConversation():
            return [_archived(command, context)]
        case _:
            assert_never(command)


def _read(
    command: ReadMessages, where: Conversation, context: Context, head: int, about: message.State
) -> Sequence[CursorMoved]:
    """A cursor beyond the last message goes to the last one that is theirs to read: so a client may say "all of it".

    Up to 0 nothing is read, which is where every cursor begins.
    """
    thread = None
    if command.thread is not None:
        thread = message.readable(about, command.thread, where, context).sent.thread_root or command.thread
    until = where.members[context.actor].intervals[-1].until_seq
    seq = min(command.seq, head if until is None else min(head, until))
    if seq == 0:
        return []
    return [
        CursorMoved(
            tenant=context.tenant,
            at=context.at,
            user_id=context.actor,
            conversation_id=command.conversation_id,
            seq=seq,
            private=command.private or thread is not None,
            thread=thread,
        )
    ]


def _hidden(command: HideMessage, about: message.State, where: Conversation, context: Context) -> MessageHidden:
    """Any message that is theirs to read, also one that was deleted for everyone."""
    message.readable(about, command.message_id, where, context)
    return MessageHidden(
        tenant=context.tenant,
        at=context.at,
        user_id=context.actor,
        conversation_id=command.conversation_id,
        message_id=command.message_id,
    )


def _muted(command: MuteConversation | UnmuteConversation, context: Context) -> ConversationMuted:
    until = command.until if isinstance(command, MuteConversation) else None
    if until is not None:
        _check(until, context)
    return ConversationMuted(
        tenant=context.tenant,
        at=context.at,
        user_id=context.actor,
        conversation_id=command.conversation_id,
        on=isinstance(command, MuteConversation),
        until=until,
    )


def _check(until: str, context: Context) -> None:
    """A time that there is, and that is to come. Times are written alike, so their texts stand in their order."""
    try:
        datetime.fromisoformat(until)
    except ValueError:
        raise misfit("until", "value", f"{until} is no time") from None
    if until <= context.at:
        raise misfit("until", "value", f"{until} is past: it is {context.at}")


def _archived(command: ArchiveConversation | UnarchiveConversation, context: Context) -> ConversationArchived:
    return ConversationArchived(
        tenant=context.tenant,
        at=context.at,
        user_id=context.actor,
        conversation_id=command.conversation_id,
        on=isinstance(command, ArchiveConversation),
    )
