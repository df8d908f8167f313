"""What happened, as it lies in the log: frozen structs with a tag and a version, one topic and one key each."""

from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from schemas import topics
from schemas.body import Body, Count
from schemas.inbox_events import (
    ConversationArchived,
    ConversationMuted,
    ConversationPinned,
    CursorMoved,
    InboxEvent,
    MessageHidden,
)

Kind = Literal["direct", "group"]
Role = Literal["owner", "admin", "member"]
History = Literal["joined", "all"]  # what whoever is let in later reads
Stage = Literal["persisted", "delivered", "read"]


class Attachment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of the media service, `media_id`, and what its sender says of it; `size` is in bytes."""

    media_id: str
    name: str | None = None
    content_type: str | None = None
    size: Count | None = None


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was forwarded: where it stood, who said it and when."""

    conversation_id: str
    message_id: str
    sender: str
    at: str


class MessageSent(Body, frozen=True, kw_only=True, tag="caas.message.sent.v1"):
    """A message entered its conversation. `conversation_n` is the conversation's lane number it was decided on.

    `text` is empty where it has none: a message may be attachments alone, or `ciphertext`, which only its readers can
    open. `thread_root` is the message that began the thread it answers in. `mentions` are the members it names.
    `forwarded_from` has where it comes from, the first origin first.
    """

    conversation_id: str
    message_id: str
    sender: str
    client_msg_id: str
    text: str
    conversation_n: Count
    reply_to: str | None = None
    thread_root: str | None = None
    mentions: list[str] = []
    attachments: list[Attachment] = []
    ciphertext: str | None = None
    metadata: dict[str, Any] | None = None
    forwarded_from: list[Origin] = []


class MessageEdited(Body, frozen=True, kw_only=True, tag="caas.message.edited.v1"):
    """A message's text was replaced, or taken away (it is empty); every version is kept. `seq` is its number, or 0."""

    conversation_id: str
    message_id: str
    editor: str
    text: str
    mentions: list[str] = []
    ciphertext: str | None = None
    seq: Count = 0


class MessageDeleted(Body, frozen=True, kw_only=True, tag="caas.message.deleted.v1"):
    """A message was withdrawn for everyone."""

    conversation_id: str
    message_id: str
    deleted_by: str


class MessageDelivered(Body, frozen=True, kw_only=True, tag="caas.message.delivered.v1"):
    """A stage a message or a change of it reached, for its sender; `applied` is false where the fold ignored it.

    `delivered` and `read` say of the member `by`, and of one `device` of theirs, that all up to `seq` reached them:
    then `message_id` and `sender` are empty.
    """

    conversation_id: str
    message_id: str
    sender: str
    seq: Count
    stage: Stage
    lane: str = "sent"
    applied: bool = True
    by: str = ""
    device: str = ""


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
    history: History = "joined"


class ConversationChanged(Body, frozen=True, kw_only=True, tag="caas.conversation.changed.v1"):
    """What a conversation is called, shows (`avatar`, a media id) and carries changed; null took it away."""

    conversation_id: str
    actor: str
    title: str | UnsetType | None = UNSET
    avatar: str | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    history: History | UnsetType = UNSET


class ParticipantsAdded(Body, frozen=True, kw_only=True, tag="caas.conversation.participants-added.v1"):
    """People joined behind message `at_seq`; `reopened`: again, since the actor opened it or wrote to who had left.

    `by_rank`: by the rule that whoever acts on a person stands above them; without it owners and admins act on all.
    """

    conversation_id: str
    actor: str
    participants: dict[str, Role]
    at_seq: Count
    reopened: bool = False
    by_rank: bool = False


class ParticipantsRemoved(Body, frozen=True, kw_only=True, tag="caas.conversation.participants-removed.v1"):
    """People left or were removed; they read up to message `at_seq`. `by_rank` as of `ParticipantsAdded`."""

    conversation_id: str
    actor: str
    participants: list[str]
    at_seq: Count
    by_rank: bool = False


class RolesChanged(Body, frozen=True, kw_only=True, tag="caas.conversation.roles-changed.v1"):
    """Members have other roles; `roles` maps each of them to the new one. `by_rank` as of `ParticipantsAdded`."""

    conversation_id: str
    actor: str
    roles: dict[str, Role]
    by_rank: bool = False


class MessagePinned(Body, frozen=True, kw_only=True, tag="caas.conversation.message-pinned.v1"):
    """A message is kept in sight for everyone; `freed` are pins of messages that were deleted, which end here."""

    conversation_id: str
    actor: str
    message_id: str
    freed: list[str] = []


class MessageUnpinned(Body, frozen=True, kw_only=True, tag="caas.conversation.message-unpinned.v1"):
    """A message is no longer kept in sight."""

    conversation_id: str
    actor: str
    message_id: str


class Reacted(Body, frozen=True, kw_only=True, tag="caas.user.reacted.v1"):
    """A member put an emoji to a message, or took it away again (`on` is false).

    `per_member`: decided under the limits of a member. Without it those apply that a message once had.
    """

    conversation_id: str
    message_id: str
    user_id: str
    emoji: str
    on: bool
    per_member: bool = False


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


ConversationEvent = (
    ConversationCreated
    | ConversationChanged
    | ParticipantsAdded
    | ParticipantsRemoved
    | RolesChanged
    | MessagePinned
    | MessageUnpinned
)
MessageEvent = MessageSent | MessageEdited | MessageDeleted | Reacted
Event = MessageEvent | MessageDelivered | MessageRejected | ConversationEvent | InboxEvent | UserActed | AuditRecorded

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
    RolesChanged: topics.CONVERSATION_UPDATED,
    MessagePinned: topics.CONVERSATION_UPDATED,
    MessageUnpinned: topics.CONVERSATION_UPDATED,
    Reacted: topics.USER_ACTION,
    CursorMoved: topics.USER_ACTION,
    ConversationMuted: topics.USER_ACTION,
    ConversationArchived: topics.USER_ACTION,
    ConversationPinned: topics.USER_ACTION,
    MessageHidden: topics.USER_ACTION,
    UserActed: topics.USER_ACTION,
    AuditRecorded: topics.AUDIT_LOG,
}

TYPE_OF: Final[dict[type[Event], str]] = {event: str(event.__struct_config__.tag) for event in TOPIC_OF}
EVENT_OF: Final[dict[str, type[Event]]] = {tag: event for event, tag in TYPE_OF.items()}
