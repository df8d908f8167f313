"""Facts as they would lie in the log, for tests of folds."""

from core.positions import position
from projections.facts import Fact
from schemas import ids
from schemas.envelope import Envelope
from schemas.events import TYPE_OF, Event, MessageDeleted, MessageEdited, MessageSent
from tests.given import AT, CORRELATION, ROOM, TENANT


def sent(key: str = "k1", text: str = "hello", sender: str = "bob", reply_to: str | None = None) -> MessageSent:
    return MessageSent(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        message_id=ids.message_id(TENANT, ROOM, sender, key),
        sender=sender,
        client_msg_id=key,
        text=text,
        conversation_n=1,
        reply_to=reply_to,
    )


def edited(of: MessageSent, text: str, editor: str | None = None) -> MessageEdited:
    return MessageEdited(
        tenant=TENANT, at=AT, conversation_id=ROOM, message_id=of.message_id, editor=editor or of.sender, text=text
    )


def deleted(of: MessageSent, by: str | None = None) -> MessageDeleted:
    return MessageDeleted(
        tenant=TENANT, at=AT, conversation_id=ROOM, message_id=of.message_id, deleted_by=by or of.sender
    )


def fact(topic: str, offset: int, event: Event, event_id: str = "", *, actor: str = "bob", epoch: int = 1) -> Fact:
    envelope = Envelope(
        id=event_id or getattr(event, "message_id", ""),
        type=TYPE_OF[type(event)],
        source="/caas/edge/test",
        time=AT,
        subject=ROOM,
        tenant=TENANT,
        correlation_id=CORRELATION,
        actor=actor,
    )
    return Fact(topic, position(epoch, offset), envelope, event)


def unreadable(topic: str, offset: int, event_id: str) -> Fact:
    envelope = Envelope(
        id=event_id,
        type="caas.message.sent.v9",
        source="/caas/edge/test",
        time=AT,
        subject=ROOM,
        tenant=TENANT,
        correlation_id=CORRELATION,
        actor="bob",
    )
    return Fact(topic, position(1, offset), envelope, None)
