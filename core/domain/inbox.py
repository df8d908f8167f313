"""Inbox is one user's state of a conversation: read cursor, mute, archiving, pin and hidden messages.

It is private: only the user, a present or former member, changes it, within their membership intervals.
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

MAX_PINS: Final = 100
"""Maximum number of pinned conversations of a user, among those they are a member of."""

# State


@dataclass(frozen=True, slots=True)
class Inbox:
    """One user's state of a conversation, or of a thread, which has only a cursor. The defaults are the initial state.

    `read` is the seq they have read up to, since `read_at`. Muted without `muted_until` is muted permanently; else it
    ends at that time, which the reader of the state decides by its clock. `hidden` counts messages, and `numbered`
    those of them whose event has the message's number.
    Archived with message `archived_seq` as the last, it ends with a newer message, which the reader of the state
    decides by what it knows (`is_archived`); without `archived_seq` only the user ends it. `pinned` is the number in
    the user's lane of the event that pinned it, 0 if it is not pinned.
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
    """Return the state after an event, the `n`-th of its user. Total: a repeat changes nothing, and a cursor never goes
    back.
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
    """Return whether it is muted at this time. Times have one format, so their texts sort in time order."""
    return state.muted and (state.muted_until is None or at < state.muted_until)


def is_archived(state: Inbox, *, newest: int, spoke: int, at: str) -> bool:
    """Return whether it is still archived at this time. `newest` is the last message that the user may read in their
    latest interval, 0 if there is none, and `spoke` the last one that they sent.
    """
    if not state.archived or state.archived_seq is None:
        return state.archived
    if spoke > state.archived_seq:
        return False
    return newest <= state.archived_seq or state.keep_archived or is_muted(state, at)


def without_ended_archiving(state: Inbox, *, newest: int, spoke: int, at: str) -> Inbox:
    """Return the state without an archiving that has ended, by `is_archived`."""
    if is_archived(state, newest=newest, spoke=spoke, at=at):
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
    """Decide a command of a present or former member of the conversation `where`. Raises `Rejected`.

    `head` is the number of its last message, the maximum of a cursor and the message after which it is archived;
    `about` is the message that is hidden, or one of the thread that is read; `pinned` has the conversations that the
    user pinned and is in.
    An event is appended also if it seems to change nothing: only the log knows the state by then, and the fold ignores
    a repeat.
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
    """Move a cursor, at most to the last message that the user may read: so a client may say "everything".

    A cursor starts at 0; to move it to 0 does nothing.
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
    """Return the last message whose number the actor may know."""
    until = where.members[context.actor].intervals[-1].until_seq
    return head if until is None else min(head, until)


def _hidden(command: HideMessage, about: message.State, where: Conversation, context: Context) -> MessageHidden:
    """Hide a message that the user may read, also one that was deleted for everyone."""
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
    """Require a valid time in the future. Times have one format, so their texts sort in time order."""
    try:
        datetime.fromisoformat(until)
    except ValueError:
        raise field_error("until", "value", f"{until} is no valid time") from None
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
    if on and command.conversation_id not in pinned and len(pinned) >= MAX_PINS:
        raise Rejected("pin_limit", f"a user pins at most {MAX_PINS} conversations")
    return ConversationPinned(
        tenant=context.tenant,
        at=context.at,
        user_id=context.actor,
        conversation_id=command.conversation_id,
        on=on,
    )
