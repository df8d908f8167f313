"""One message: sent, perhaps edited, perhaps deleted; an edit after the deletion is in the log and changes nothing."""

from dataclasses import dataclass, replace
from typing import Final, assert_never

from core.domain.conversation import Conversation
from core.domain.decision import Context, Rejected
from core.domain.permission import may_delete
from schemas import ids
from schemas.commands import DeleteMessage, EditMessage, MessageCommand, SendMessage
from schemas.events import MessageDeleted, MessageEdited, MessageEvent, MessageSent

VERSIONS_KEPT: Final = 100
"""So many edits a message takes; all are kept in one row, which a store bounds (MongoDB: 16 MiB)."""

# State


@dataclass(frozen=True, slots=True)
class Absent:
    """Never sent, as far as we know."""


@dataclass(frozen=True, slots=True)
class Live:
    """Sent. `edits` counts the edits kept, `edited` says whether one of them changed the text."""

    conversation_id: str
    sender: str
    text: str
    client_msg_id: str
    reply_to: str | None
    edited: bool = False
    edits: int = 0


@dataclass(frozen=True, slots=True)
class Deleted:
    """Withdrawn; `was` is what it was."""

    was: Live
    deleted_by: str


State = Absent | Live | Deleted

# Evolve


def evolve(state: State, event: MessageEvent) -> State:
    """The state after an event. Total: a fact that no longer applies leaves the state as it was."""
    match event:
        case MessageSent():
            return _sent(event) if isinstance(state, Absent) else state
        case MessageEdited():
            return _edited(state, event)
        case MessageDeleted():
            return Deleted(state, event.deleted_by) if isinstance(state, Live) else state
        case _:
            assert_never(event)


def _sent(event: MessageSent) -> Live:
    return Live(event.conversation_id, event.sender, event.text, event.client_msg_id, event.reply_to)


def _edited(state: State, event: MessageEdited) -> State:
    if not isinstance(state, Live) or event.editor != state.sender:
        return state
    changes = event.text != state.text
    return replace(state, text=event.text, edited=state.edited or changes, edits=state.edits + 1)


# Decide


def decide(state: State, command: MessageCommand, conversation: Conversation, context: Context) -> list[MessageEvent]:
    """What a command of a member of the conversation makes happen. Raises `Rejected`.

    For a send, `state` is the message it replies to (`Absent` where it replies to none).
    """
    match command:
        case SendMessage():
            return [send(state, command, conversation, context)]
        case EditMessage():
            return edit(state, command, context)
        case DeleteMessage():
            return delete(state, command, conversation, context)
        case _:
            assert_never(command)


def send(root: State, command: SendMessage, conversation: Conversation, context: Context) -> MessageSent:
    """Say it. A reply needs its root, deleted or not, in the same conversation."""
    if command.reply_to is not None:
        _found(root, command.conversation_id, command.reply_to)
    return MessageSent(
        tenant=context.tenant,
        at=context.at,
        conversation_id=command.conversation_id,
        message_id=ids.message_id(context.tenant, command.conversation_id, context.actor, command.client_msg_id),
        sender=context.actor,
        client_msg_id=command.client_msg_id,
        text=command.text,
        conversation_n=conversation.n,
        reply_to=command.reply_to,
    )


def edit(state: State, command: EditMessage, context: Context) -> list[MessageEvent]:
    """Replace the text. An edit to the same text is appended too: only the log knows what stands by then."""
    live = _live(state, command.conversation_id, command.message_id)
    if live.sender != context.actor:
        raise Rejected("not_the_author")
    if live.edits >= VERSIONS_KEPT:
        raise Rejected("edit_limit", f"a message takes {VERSIONS_KEPT} edits")
    return [
        MessageEdited(
            tenant=context.tenant,
            at=context.at,
            conversation_id=command.conversation_id,
            message_id=command.message_id,
            editor=context.actor,
            text=command.text,
        )
    ]


def delete(state: State, command: DeleteMessage, conversation: Conversation, context: Context) -> list[MessageEvent]:
    """Withdraw it. Whoever deleted a message may ask again: that changes nothing."""
    if isinstance(state, Deleted) and state.deleted_by == context.actor:
        return []
    live = _live(state, command.conversation_id, command.message_id)
    if not may_delete(conversation, live.sender, context.actor):
        raise Rejected("not_the_author")
    return [
        MessageDeleted(
            tenant=context.tenant,
            at=context.at,
            conversation_id=command.conversation_id,
            message_id=command.message_id,
            deleted_by=context.actor,
        )
    ]


def _live(state: State, conversation_id: str, message_id: str) -> Live:
    if isinstance(state, Deleted):
        raise Rejected("message_not_found", f"message {message_id} was deleted")
    return _found(state, conversation_id, message_id)


def _found(state: State, conversation_id: str, message_id: str) -> Live:
    found = state.was if isinstance(state, Deleted) else state
    if isinstance(found, Absent) or found.conversation_id != conversation_id:
        raise Rejected("message_not_found", f"there is no message {message_id} in this conversation")
    return found
