"""One user's inbox: how far they have read a conversation, whether they want to hear of it, and what they hide in it.

Only the user knows it and only they change it: everyone who is or was in the conversation, within their stays.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, assert_never

from core.domain import message
from core.domain.conversation import Conversation
from core.domain.decision import Context, Rejected, field_error
from schemas.commands.inbox import (
    ArchiveConversation,
    HideMessage,
    InboxCommand,
    MuteConversation,
    PinConversation,
    ReadMessages,
    UnarchiveConversation,
    UnmuteConversation,
    UnpinConversation,
)
from schemas.events.inbox import (
    ConversationArchived,
    ConversationMuted,
    ConversationPinned,
    CursorMoved,
    InboxEvent,
    MessageHidden,
)

PINS: Final = 100
"""Maximum of conversations that one user has pinned and is in."""

# State


@dataclass(frozen=True, slots=True)
class Inbox:
    """How one user has one conversation, or a thread of it, which has a cursor and nothing else; as it is here before
    they did anything to it.

    `read` is the seq they have read up to, since `read_at`. Muted without `muted_until` is muted for good; when that
    time has come it is over, which whoever looks at it decides by their clock. `hidden` counts messages, and
    `numbered` those of them whose numbers their events tell.
    Archived with message `archived_seq` as the last, it is over once more is said, which whoever looks at it decides
    by what they know of that (`put_away`); without it nothing ends it but the user. `pinned` is the number in their
    lane by which they pinned it, 0 where it is not.
    """

    read: int = 0
    read_at: str | None = None
    muted: bool = False
    muted_until: str | None = None
    archived: bool = False
    archived_seq: int | None = None
    keep_archived: bool = False
    pinned: int = 0
    hidden: int = 0
    numbered: int = 0


# Evolve


def evolve(state: Inbox, event: InboxEvent, n: int) -> Inbox:
    """The state after an event, the `n`-th of its user. Total: what is so already changes nothing, and a cursor never
    goes back.
    """
    match event:
        case CursorMoved():
            return replace(state, read=event.seq, read_at=event.at) if event.seq > state.read else state
        case ConversationMuted():
            return replace(state, muted=event.on, muted_until=event.until if event.on else None)
        case ConversationArchived():
            return replace(
                state,
                archived=event.on,
                archived_seq=event.seq if event.on else None,
                keep_archived=event.on and event.keep_archived,
            )
        case ConversationPinned():
            return replace(state, pinned=(state.pinned or n) if event.on else 0)
        case MessageHidden():
            return replace(state, hidden=state.hidden + 1, numbered=state.numbered + (event.seq > 0))
        case _:
            assert_never(event)


def is_muted(state: Inbox, at: str) -> bool:
    """Whether it is muted at this time. Times are written alike, so their texts stand in their order."""
    return state.muted and (state.muted_until is None or at < state.muted_until)


def put_away(state: Inbox, *, newest: int, spoke: int, at: str) -> bool:
    """Whether it is archived still, at this time, where the `newest` message is one that is theirs to read in their
    present stay, 0 where none is, and `spoke` the last one that they said.
    """
    if not state.archived or state.archived_seq is None:
        return state.archived
    if spoke > state.archived_seq:
        return False
    return newest <= state.archived_seq or state.keep_archived or is_muted(state, at)


def as_it_is(state: Inbox, *, newest: int, spoke: int, at: str) -> Inbox:
    """The state without an archiving that is over, as of `put_away`."""
    if put_away(state, newest=newest, spoke=spoke, at=at):
        return state
    return replace(state, archived=False, archived_seq=None, keep_archived=False)


# Decide


def decide(
    command: InboxCommand,
    where: Conversation,
    context: Context,
    *,
    head: int = 0,
    about: message.State | None = None,
    pinned: Collection[str] = (),
) -> Sequence[InboxEvent]:
    """What a command of somebody who is or was in the conversation `where` makes happen. Raises `Rejected`.

    `head` is the number of its last message, which a cursor goes up to at most and behind which it is put away; `about`
    the message that is hidden, or one of the thread that is read; `pinned` has the conversations that they pinned and
    are in.
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
            return [_archived(command, where, context, head)]
        case PinConversation() | UnpinConversation():
            return [_pinned(command, context, pinned)]
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
    seq = min(command.seq, _last(where, context, head))
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


def _last(where: Conversation, context: Context, head: int) -> int:
    """The last message up to which the actor may know how many there are."""
    until = where.members[context.actor].intervals[-1].until_seq
    return head if until is None else min(head, until)


def _hidden(command: HideMessage, about: message.State, where: Conversation, context: Context) -> MessageHidden:
    """Any message that is theirs to read, also one that was deleted for everyone."""
    found = message.readable(about, command.message_id, where, context)
    return MessageHidden(
        tenant=context.tenant,
        at=context.at,
        user_id=context.actor,
        conversation_id=command.conversation_id,
        message_id=command.message_id,
        seq=found.seq,
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
        raise field_error("until", "value", f"{until} is no time") from None
    if until <= context.at:
        raise field_error("until", "value", f"{until} is past: it is {context.at}")


def _archived(
    command: ArchiveConversation | UnarchiveConversation, where: Conversation, context: Context, head: int
) -> ConversationArchived:
    away = isinstance(command, ArchiveConversation)
    return ConversationArchived(
        tenant=context.tenant,
        at=context.at,
        user_id=context.actor,
        conversation_id=command.conversation_id,
        on=away,
        seq=_last(where, context, head) if away else None,
        keep_archived=isinstance(command, ArchiveConversation) and command.keep_archived,
    )


def _pinned(
    command: PinConversation | UnpinConversation, context: Context, pinned: Collection[str]
) -> ConversationPinned:
    on = isinstance(command, PinConversation)
    if on and command.conversation_id not in pinned and len(pinned) >= PINS:
        raise Rejected("pin_limit", f"one has at most {PINS} conversations pinned")
    return ConversationPinned(
        tenant=context.tenant,
        at=context.at,
        user_id=context.actor,
        conversation_id=command.conversation_id,
        on=on,
    )
