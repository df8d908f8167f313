"""One event of every type, the same as in the golden records and the docs."""

from schemas import envelope, ids
from schemas.envelope import Record
from schemas.events import (
    AuditRecorded,
    ConversationChanged,
    ConversationCreated,
    Event,
    MessageDeleted,
    MessageDelivered,
    MessageEdited,
    MessagePinned,
    MessageRejected,
    MessageSent,
    MessageUnpinned,
    ParticipantsAdded,
    ParticipantsRemoved,
    PersistedMessage,
    Reacted,
    RolesChanged,
    UserActed,
)
from schemas.events.inbox import ConversationArchived, ConversationMuted, ConversationPinned, CursorMoved, MessageHidden
from tests.given import AT, CORRELATION, ROOM, TENANT

MESSAGE = ids.message_id(TENANT, ROOM, "bob", "k1")

SAMPLES: tuple[Event, ...] = (
    MessageSent(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        message_id=MESSAGE,
        sender="bob",
        client_msg_id="k1",
        text="Grüße, 你好 👋",
        conversation_n=1,
    ),
    MessageEdited(tenant=TENANT, at=AT, conversation_id=ROOM, message_id=MESSAGE, editor="bob", text="hello all"),
    MessageDeleted(tenant=TENANT, at=AT, conversation_id=ROOM, message_id=MESSAGE, deleted_by="ann"),
    MessageDelivered(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        stage="persisted",
        messages=[
            PersistedMessage(message_id=MESSAGE, sender="bob", seq=1, event_id=MESSAGE, correlation_id=CORRELATION)
        ],
    ),
    MessageRejected(
        tenant=TENANT,
        at=AT,
        user_id="eve",
        command="message:send",
        code="not_a_participant",
        conversation_id=ROOM,
    ),
    ConversationCreated(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        actor="ann",
        kind="group",
        participants={"ann": "owner", "bob": "member"},
        external_id="order-4711",
        title="Order 4711",
    ),
    ConversationChanged(tenant=TENANT, at=AT, conversation_id=ROOM, actor="ann", title="Order 4711, late"),
    ParticipantsAdded(tenant=TENANT, at=AT, conversation_id=ROOM, actor="ann", participants={"cy": "member"}, at_seq=1),
    ParticipantsRemoved(tenant=TENANT, at=AT, conversation_id=ROOM, actor="bob", participants=["bob"], at_seq=1),
    RolesChanged(tenant=TENANT, at=AT, conversation_id=ROOM, actor="ann", roles={"bob": "admin"}),
    MessagePinned(tenant=TENANT, at=AT, conversation_id=ROOM, actor="bob", message_id=MESSAGE),
    MessageUnpinned(tenant=TENANT, at=AT, conversation_id=ROOM, actor="ann", message_id=MESSAGE),
    Reacted(tenant=TENANT, at=AT, conversation_id=ROOM, message_id=MESSAGE, user_id="ann", emoji="👍", on=True),
    CursorMoved(tenant=TENANT, at=AT, user_id="bob", conversation_id=ROOM, seq=1),
    ConversationMuted(
        tenant=TENANT, at=AT, user_id="bob", conversation_id=ROOM, on=True, until="2026-11-21T09:30:00.000Z"
    ),
    ConversationArchived(tenant=TENANT, at=AT, user_id="bob", conversation_id=ROOM, on=True),
    ConversationPinned(tenant=TENANT, at=AT, user_id="bob", conversation_id=ROOM, on=True),
    MessageHidden(tenant=TENANT, at=AT, user_id="bob", conversation_id=ROOM, message_id=MESSAGE),
    UserActed(tenant=TENANT, at=AT, user_id="bob", action="archived", subject=ROOM),
    AuditRecorded(
        tenant=TENANT,
        at=AT,
        actor="eve",
        action="message:send",
        entity_type="conversation",
        entity_id=ROOM,
        outcome="denied",
        reason="not_a_participant",
    ),
)


def record_of(event: Event) -> Record:
    """Return the event's record."""
    return envelope.encode(
        event,
        event_id=MESSAGE if isinstance(event, MessageSent) else ids.effect_id(MESSAGE, type(event).__name__),
        source="/caas/edge/node-1",
        correlation_id=CORRELATION,
        actor="bob",
    )
