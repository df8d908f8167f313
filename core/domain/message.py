"""One message: sent, perhaps edited, perhaps deleted; an edit after the deletion is in the log and changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from core.domain import content, conversation, metadata
from core.domain.conversation import Conversation
from core.domain.decision import Context, Rejected, field_error
from core.domain.mention import mentions
from core.domain.permission import may_delete
from schemas import ids
from schemas.commands import DeleteMessage, EditMessage, ForwardMessage, SendMessage
from schemas.events import MessageDeleted, MessageEdited, MessageSent, Origin

VERSIONS_KEPT: Final = 100
"""So many edits a message takes; all are kept in one row, which a store bounds (MongoDB: 16 MiB)."""
ORIGINS_KEPT: Final = 20
"""So many origins a forwarded message has at most: the first, and the newest others."""

Command = SendMessage | ForwardMessage | EditMessage | DeleteMessage
Event = MessageSent | MessageEdited | MessageDeleted

# State


@dataclass(frozen=True, slots=True)
class Absent:
    """Never sent, as far as we know."""


@dataclass(frozen=True, slots=True)
class Live:
    """What was `sent`; `text`, `ciphertext` and `mentions` are what it says now.

    `edits` counts the edits kept, `edited` says whether one of them changed what it says. `seq` is its number, 0 where
    who folds does not know it.
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
        """Where it stands."""
        return self.sent.conversation_id

    @property
    def sender(self) -> str:
        """Who said it, and alone says it otherwise."""
        return self.sent.sender


@dataclass(frozen=True, slots=True)
class Deleted:
    """Withdrawn; `was` is what it was."""

    was: Live
    deleted_by: str


State = Absent | Live | Deleted

# Evolve


def evolve(state: State, event: Event, seq: int = 0) -> State:
    """The state after an event. Total: a fact that no longer applies leaves the state as it was.

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
    """What a command of a member of the conversation `where` makes happen, or a deletion of who was one. Raises
    `Rejected`.

    `state` is the message that a command is about; for a send, the one that it replies to (`Absent` where it replies
    to none). For a forward, `source` is the conversation that the message stands in.
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
    """The id of the message that a command says."""
    return ids.message_id(context.tenant, command.conversation_id, context.actor, command.client_msg_id)


def send(answered: State, command: SendMessage, where: Conversation, context: Context) -> MessageSent:
    """Say it. A reply needs a message of the same conversation, deleted or not, also one from before the actor came."""
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
        mentions=mentions(text, command.mentions, where.holds),
        attachments=[content.attachment(one) for one in command.attachments],
        ciphertext=command.ciphertext,
        metadata=command.metadata or None,
    )


def forward(
    origin: State, command: ForwardMessage, source: conversation.State, where: Conversation, context: Context
) -> MessageSent:
    """Say what a message says that one may read and that is not deleted; nobody can pass on a ciphertext's key."""
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
        mentions=mentions(found.text, (), where.holds),
        attachments=found.sent.attachments,
        forwarded_from=_origins(found.sent),
    )


def _origins(sent: MessageSent) -> list[Origin]:
    here = Origin(conversation_id=sent.conversation_id, message_id=sent.message_id, sender=sent.sender, at=sent.at)
    chain = [*sent.forwarded_from, here]
    return chain if len(chain) <= ORIGINS_KEPT else [chain[0], *chain[1 - ORIGINS_KEPT :]]


def edit(state: State, command: EditMessage, where: Conversation, context: Context) -> Sequence[Event]:
    """Say it otherwise, or, of a message with attachments, say nothing beside them any more.

    An edit to the same text is appended too: only the log knows what stands by then.
    """
    content.check(command)
    _conceal(state, command.message_id, where, context)
    live = _live(state, command.conversation_id, command.message_id)
    if live.sender != context.actor:
        raise Rejected("not_the_author")
    content.check_says(command, live.sent.attachments)
    if command.text is not None and live.sent.ciphertext is not None:
        raise field_error("text", "value", "a ciphertext stays a ciphertext")
    if command.ciphertext is not None and live.sent.ciphertext is None:
        raise field_error("ciphertext", "value", "a text stays a text")
    if live.edits >= VERSIONS_KEPT:
        raise Rejected("edit_limit", f"a message takes {VERSIONS_KEPT} edits")
    text = command.text or ""
    return [
        MessageEdited(
            tenant=context.tenant,
            at=context.at,
            conversation_id=command.conversation_id,
            message_id=command.message_id,
            editor=context.actor,
            text=text,
            mentions=mentions(text, command.mentions, where.holds),
            ciphertext=command.ciphertext,
            seq=live.seq,
        )
    ]


def delete(state: State, command: DeleteMessage, where: Conversation, context: Context) -> Sequence[Event]:
    """Withdraw it. Whoever deleted a message may ask again: that changes nothing. Who is no longer in the conversation
    `where` withdraws what they said, and learns nothing of the rest; owners and admins what those below them said, as
    far as it is theirs to read.
    """
    if isinstance(state, Deleted) and state.deleted_by == context.actor:
        return []
    if not (where.holds(context.actor) or _said(state, command.conversation_id, context.actor)):
        raise Rejected("not_a_participant")
    _conceal(state, command.message_id, where, context)
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
    """The message as it is or was, if it lies in one of the actor's stays in `where`. Raises `Rejected`."""
    member = where.members.get(context.actor) if where is not None and where.tenant == context.tenant else None
    if where is None or member is None:
        raise _missing(message_id)
    found = _found(state, where.conversation_id, message_id)
    if not member.reads(found.seq, found.sent.conversation_n):
        raise _missing(message_id)
    return found


def _conceal(state: State, message_id: str, where: Conversation, context: Context) -> None:
    """Raises `Rejected` for what the actor neither said nor may read: they learn no more of it than that there is no
    such message.
    """
    if not _said(state, where.conversation_id, context.actor):
        readable(state, message_id, where, context)


def _said(state: State, conversation_id: str, user: str) -> bool:
    """Whether the user said this, in this conversation."""
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
