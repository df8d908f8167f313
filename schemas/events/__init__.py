"""The events of the log: frozen structs, each with a tag, a version, a topic and a key; one file per aggregate."""

from typing import Final

from schemas import topics
from schemas.events.audit import AuditRecorded, UserActed
from schemas.events.conversation import (
    ConversationChanged,
    ConversationCreated,
    ConversationEvent,
    History,
    Kind,
    MessagePinned,
    MessageUnpinned,
    ParticipantsAdded,
    ParticipantsRemoved,
    Role,
    RolesChanged,
)
from schemas.events.inbox import (
    ConversationArchived,
    ConversationMuted,
    ConversationPinned,
    CursorMoved,
    InboxEvent,
    MessageHidden,
)
from schemas.events.message import (
    Attachment,
    MessageDeleted,
    MessageDelivered,
    MessageEdited,
    MessageEvent,
    MessageRejected,
    MessageSent,
    Origin,
    PersistedMessage,
    Reacted,
    Stage,
)

__all__ = [
    "EVENT_OF",
    "TOPIC_OF",
    "TYPE_OF",
    "Attachment",
    "AuditRecorded",
    "ConversationArchived",
    "ConversationChanged",
    "ConversationCreated",
    "ConversationEvent",
    "ConversationMuted",
    "ConversationPinned",
    "CursorMoved",
    "Event",
    "History",
    "InboxEvent",
    "Kind",
    "MessageDeleted",
    "MessageDelivered",
    "MessageEdited",
    "MessageEvent",
    "MessageHidden",
    "MessagePinned",
    "MessageRejected",
    "MessageSent",
    "MessageUnpinned",
    "Origin",
    "ParticipantsAdded",
    "ParticipantsRemoved",
    "PersistedMessage",
    "Reacted",
    "Role",
    "RolesChanged",
    "Stage",
    "UserActed",
]

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
