"""Facts as they would lie in the log, for tests of folds."""

from core.positions import position
from projections.facts import Fact
from schemas.envelope import Envelope
from schemas.events import TYPE_OF, Event
from tests.given import AT, CORRELATION, ROOM, TENANT


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
