"""What happened, as it lies in the log: frozen structs with a tag and a version, one topic and one key each."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from schemas import topics

Kind = Literal["direct", "group"]
Role = Literal["owner", "admin", "member"]
Stage = Literal["persisted", "delivered", "read"]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Body(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What all events say: whose they are and when, by the clock of the node that decided (UTC, milliseconds)."""

    tenant: str
    at: str


class MessageSent(Body, frozen=True, kw_only=True, tag="caas.message.sent.v1"):
    """A message entered its conversation. `conversation_n` is the conversation's lane number it was decided on."""

    conversation_id: str
    message_id: str
    sender: str
    client_msg_id: str
    text: str
    conversation_n: Count
    reply_to: str | None = None


class MessageEdited(Body, frozen=True, kw_only=True, tag="caas.message.edited.v1"):
    """A message's text was replaced; every version is kept."""

    conversation_id: str
    message_id: str
    editor: str
    text: str


class MessageDeleted(Body, frozen=True, kw_only=True, tag="caas.message.deleted.v1"):
    """A message was withdrawn for everyone."""

    conversation_id: str
    message_id: str
    deleted_by: str


class MessageDelivered(Body, frozen=True, kw_only=True, tag="caas.message.delivered.v1"):
    """A stage a message or a change of it reached, for its sender; `applied` is false where the fold ignored it."""

    conversation_id: str
    message_id: str
    sender: str
    seq: Count
    stage: Stage
    lane: str = "sent"
    applied: bool = True


class MessageRejected(Body, frozen=True, kw_only=True, tag="caas.message.rejected.v1"):
    """A command that was refused: what it was about and why, never its content."""

    user_id: str
    command: str
    code: str
    conversation_id: str | None = None
    message_id: str | None = None


class ConversationCreated(Body, frozen=True, kw_only=True, tag="caas.conversation.created.v1"):
    """A conversation began; `participants` maps each first member to a role."""

    conversation_id: str
    actor: str
    kind: Kind
    participants: dict[str, Role]
    external_id: str | None = None
    title: str | None = None


class ConversationChanged(Body, frozen=True, kw_only=True, tag="caas.conversation.changed.v1"):
    """A conversation's title changed."""

    conversation_id: str
    actor: str
    title: str | None


class ParticipantsAdded(Body, frozen=True, kw_only=True, tag="caas.conversation.participants-added.v1"):
    """People joined; they read from message `at_seq` + 1 on."""

    conversation_id: str
    actor: str
    participants: dict[str, Role]
    at_seq: Count


class ParticipantsRemoved(Body, frozen=True, kw_only=True, tag="caas.conversation.participants-removed.v1"):
    """People left or were removed; they read up to message `at_seq`."""

    conversation_id: str
    actor: str
    participants: list[str]
    at_seq: Count


class UserActed(Body, frozen=True, kw_only=True, tag="caas.user.action.v1"):
    """Something one user did to their own view of things; `subject` names what it was done to."""

    user_id: str
    action: str
    subject: str


class AuditRecorded(Body, frozen=True, kw_only=True, tag="caas.audit.log.v1"):
    """One line of the audit log: who did what to what, and how it ended; no content."""

    actor: str
    action: str
    entity_type: str
    entity_id: str
    outcome: Literal["success", "failure", "denied"]
    reason: str | None = None


ConversationEvent = ConversationCreated | ConversationChanged | ParticipantsAdded | ParticipantsRemoved
MessageEvent = MessageSent | MessageEdited | MessageDeleted
Event = MessageEvent | MessageDelivered | MessageRejected | ConversationEvent | UserActed | AuditRecorded

TOPIC_OF: Final[dict[type[Event], str]] = {
    MessageSent: topics.MESSAGE_SENT,
    MessageEdited: topics.MESSAGE_EDITED,
    MessageDeleted: topics.MESSAGE_DELETED,
    MessageDelivered: topics.MESSAGE_DELIVERED,
    MessageRejected: topics.MESSAGE_REJECTED,
    ConversationCreated: topics.CONVERSATION_UPDATED,
    ConversationChanged: topics.CONVERSATION_UPDATED,
    ParticipantsAdded: topics.CONVERSATION_UPDATED,
    ParticipantsRemoved: topics.CONVERSATION_UPDATED,
    UserActed: topics.USER_ACTION,
    AuditRecorded: topics.AUDIT_LOG,
}

TYPE_OF: Final[dict[type[Event], str]] = {event: str(event.__struct_config__.tag) for event in TOPIC_OF}
EVENT_OF: Final[dict[str, type[Event]]] = {tag: event for event, tag in TYPE_OF.items()}


def key_of(event: Event) -> str:
    """What the event's record is keyed by."""
    match event:
        case MessageRejected() | UserActed():
            return event.user_id
        case AuditRecorded():
            return event.tenant
        case _:
            return event.conversation_id
