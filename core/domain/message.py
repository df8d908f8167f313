"""Message is the aggregate of one message: sent, edited, deleted; an edit after the deletion changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from core.domain import content, conversation, metadata
from core.domain.conversation import Conversation
from core.domain.decision import Context, Rejected, field_error
from core.domain.mention import mentions
from core.domain.permission import may_delete
from schemas import ids
from schemas.commands.message import DeleteMessage, EditMessage, ForwardMessage, SendMessage
from schemas.events import MessageDeleted, MessageEdited, MessageSent, Origin

VERSIONS_KEPT: Final = 100
"""Maximum number of edits of a message; all are kept in one row, which a store limits (MongoDB: 16 MiB)."""
ORIGINS_KEPT: Final = 20
"""Maximum number of origins kept of a forwarded message: the first, and the newest others."""

Command = SendMessage | ForwardMessage | EditMessage | DeleteMessage
Event = MessageSent | MessageEdited | MessageDeleted

# State


@dataclass(frozen=True, slots=True)
class Absent:
    """A message that was never sent, by this view."""


@dataclass(frozen=True, slots=True)
class Live:
    """A message that was `sent`; `text`, `ciphertext` and `mentions` are the current ones.

    `edits` counts the edits, `edited` is whether one of them changed the content. `seq` is its number, 0 if the fold
    does not know it.
    """

    sent: MessageSent
    text: str
    ciphertext: str | None = None
    mentions: Sequence[str] = ()
    edited: bool = False
    edits: int = 0
    seq: int = 0

    @property
    def conversation_id(self) -> str:
        """The conversation of the message."""
        return self.sent.conversation_id

    @property
    def sender(self) -> str:
        """The sender, who alone may edit it."""
        return self.sent.sender


@dataclass(frozen=True, slots=True)
class Deleted:
    """A deleted message; `was` is its last state."""

    was: Live
    deleted_by: str


State = Absent | Live | Deleted

# Evolve


def evolve(state: State, event: Event, seq: int = 0) -> State:
    """Return the state after an event. Total: an event that no longer applies changes nothing.

    `seq` is the number of a `MessageSent`.
    """
    match event:
        case MessageSent():
            if not isinstance(state, Absent):
                return state
            return Live(event, event.text, event.ciphertext, event.mentions, seq=seq)
        case MessageEdited():
            return _edited(state, event)
        case MessageDeleted():
            return Deleted(state, event.deleted_by) if isinstance(state, Live) else state
        case _:
            assert_never(event)


def _edited(state: State, event: MessageEdited) -> State:
    if not isinstance(state, Live) or event.editor != state.sender:
        return state
    changes = (event.text, event.ciphertext) != (state.text, state.ciphertext)
    return replace(
        state,
        text=event.text,
        ciphertext=event.ciphertext,
        mentions=event.mentions,
        edited=state.edited or changes,
        edits=state.edits + 1,
    )


# Decide


def decide(
    state: State,
    command: Command,
    where: Conversation,
    context: Context,
    source: conversation.State = None,
) -> Sequence[Event]:
    """Decide a command of a member of the conversation `where`, or a deletion of a former member. Raises `Rejected`.

    `state` is the message of the command; for a send, the one that it replies to (`Absent` if it replies to none). For
    a forward, `source` is the conversation of the message.
    """
    match command:
        case SendMessage():
            return [send(state, command, where, context)]
        case ForwardMessage():
            return [forward(state, command, source, where, context)]
        case EditMessage():
            return edit(state, command, where, context)
        case DeleteMessage():
            return delete(state, command, where, context)
        case _:
            assert_never(command)


def id_of(command: SendMessage | ForwardMessage, context: Context) -> str:
    """Return the id of the message that a command sends."""
    return ids.message_id(context.tenant, command.conversation_id, context.actor, command.client_msg_id)


def send(answered: State, command: SendMessage, where: Conversation, context: Context) -> MessageSent:
    """Send. A reply needs a message of the same conversation, even if deleted or from before the actor joined."""
    content.check(command)
    content.check_says(command, command.attachments)
    content.check_names(command.attachments)
    metadata.check(command.metadata)
    root = None
    if command.reply_to is not None:
        found = _found(answered, command.conversation_id, command.reply_to)
        root = found.sent.thread_root or command.reply_to
    text = command.text or ""
    return MessageSent(
        tenant=context.tenant,
        at=context.at,
        conversation_id=command.conversation_id,
        message_id=id_of(command, context),
        sender=context.actor,
        client_msg_id=command.client_msg_id,
        text=text,
        conversation_n=where.n,
        reply_to=command.reply_to,
        thread_root=root,
        mentions=mentions(text, command.mentions, where.is_member),
        attachments=[content.attachment(one) for one in command.attachments],
        ciphertext=command.ciphertext,
        metadata=command.metadata or None,
    )


def forward(
    origin: State, command: ForwardMessage, source: conversation.State, where: Conversation, context: Context
) -> MessageSent:
    """Forward a message that the actor may read and that is not deleted; a ciphertext's key cannot be forwarded."""
    found = readable(origin, command.message_id, source, context)
    if isinstance(origin, Deleted):
        raise Rejected("message_not_found", f"message {command.message_id} was deleted")
    if found.ciphertext is not None:
        raise Rejected("not_allowed", "a ciphertext cannot be forwarded")
    return MessageSent(
        tenant=context.tenant,
        at=context.at,
        conversation_id=command.conversation_id,
        message_id=id_of(command, context),
        sender=context.actor,
        client_msg_id=command.client_msg_id,
        text=found.text,
        conversation_n=where.n,
        mentions=mentions(found.text, (), where.is_member),
        attachments=found.sent.attachments,
        forwarded_from=_origins(found.sent),
    )


def _origins(sent: MessageSent) -> list[Origin]:
    here = Origin(conversation_id=sent.conversation_id, message_id=sent.message_id, sender=sent.sender, at=sent.at)
    chain = [*sent.forwarded_from, here]
    return chain if len(chain) <= ORIGINS_KEPT else [chain[0], *chain[1 - ORIGINS_KEPT :]]


def edit(state: State, command: EditMessage, where: Conversation, context: Context) -> Sequence[Event]:
    """Change the text, or remove it from a message with attachments.

    An edit to the same text is appended too: only the log knows the text by then.
    """
    content.check(command)
    _require_visible(state, command.message_id, where, context)
    live = _live(state, command.conversation_id, command.message_id)
    if live.sender != context.actor:
        raise Rejected("not_the_author")
    content.check_says(command, live.sent.attachments)
    if command.text is not None and live.sent.ciphertext is not None:
        raise field_error("text", "value", "a ciphertext cannot become a text")
    if command.ciphertext is not None and live.sent.ciphertext is None:
        raise field_error("ciphertext", "value", "a text cannot become a ciphertext")
    if live.edits >= VERSIONS_KEPT:
        raise Rejected("edit_limit", f"a message has at most {VERSIONS_KEPT} edits")
    text = command.text or ""
    return [
        MessageEdited(
            tenant=context.tenant,
            at=context.at,
            conversation_id=command.conversation_id,
            message_id=command.message_id,
            editor=context.actor,
            text=text,
            mentions=mentions(text, command.mentions, where.is_member),
            ciphertext=command.ciphertext,
            seq=live.seq,
        )
    ]


def delete(state: State, command: DeleteMessage, where: Conversation, context: Context) -> Sequence[Event]:
    """Delete a message for everyone. A repeat by the same actor changes nothing. A former member of the conversation
    `where` deletes their own messages, and learns nothing of others; owners and admins delete those of members below
    them, if they may read them.
    """
    if isinstance(state, Deleted) and state.deleted_by == context.actor:
        return []
    if not (where.is_member(context.actor) or _is_sender(state, command.conversation_id, context.actor)):
        raise Rejected("not_a_participant")
    _require_visible(state, command.message_id, where, context)
    live = _live(state, command.conversation_id, command.message_id)
    if not may_delete(where, live.sender, context.actor):
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


def readable(state: State, message_id: str, where: conversation.State, context: Context) -> Live:
    """Return the last live state of a message in one of the actor's intervals in `where`. Raises `Rejected`."""
    member = where.members.get(context.actor) if where is not None and where.tenant == context.tenant else None
    if where is None or member is None:
        raise _missing(message_id)
    found = _found(state, where.conversation_id, message_id)
    if not member.reads(found.seq, found.sent.conversation_n):
        raise _missing(message_id)
    return found


def _require_visible(state: State, message_id: str, where: Conversation, context: Context) -> None:
    """Require a message that the actor sent or may read. Raises `Rejected`, as if there were no such message."""
    if not _is_sender(state, where.conversation_id, context.actor):
        readable(state, message_id, where, context)


def _is_sender(state: State, conversation_id: str, user: str) -> bool:
    """Return whether the user sent this message in this conversation."""
    found = state.was if isinstance(state, Deleted) else state
    return isinstance(found, Live) and (found.conversation_id, found.sender) == (conversation_id, user)


def _live(state: State, conversation_id: str, message_id: str) -> Live:
    if isinstance(state, Deleted):
        raise Rejected("message_not_found", f"message {message_id} was deleted")
    return _found(state, conversation_id, message_id)


def _found(state: State, conversation_id: str, message_id: str) -> Live:
    found = state.was if isinstance(state, Deleted) else state
    if isinstance(found, Absent) or found.conversation_id != conversation_id:
        raise _missing(message_id)
    return found


def _missing(message_id: str) -> Rejected:
    return Rejected("message_not_found", f"there is no message {message_id} in this conversation")
