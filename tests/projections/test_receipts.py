"""Receipts only grow."""

from core.positions import position
from projections import receipts
from projections.facts import Fact
from schemas.envelope import Envelope
from schemas.events import TYPE_OF, MessageDelivered
from schemas.topics import MESSAGE_DELIVERED
from tests.given import AT, CORRELATION, ROOM, TENANT


def persisted(offset: int, seq: int) -> Fact:
    event = MessageDelivered(
        tenant=TENANT, at=AT, conversation_id=ROOM, message_id=f"m{seq}", sender="bob", seq=seq, stage="persisted"
    )
    envelope = Envelope(
        id=f"r{seq}",
        type=TYPE_OF[MessageDelivered],
        source="/caas/streams/messages",
        time=AT,
        subject=ROOM,
        tenant=TENANT,
        correlation_id=CORRELATION,
        actor="bob",
    )
    return Fact(MESSAGE_DELIVERED, position(1, offset), envelope, event)


def test_a_late_lower_receipt_does_not_take_one_back() -> None:
    (write,) = receipts.fold([persisted(0, 3), persisted(1, 2)], {})
    assert write.facets["persisted"] == {"pos": position(1, 1), "seq": 3}


def test_what_was_told_before_changes_nothing() -> None:
    (write,) = receipts.fold([persisted(0, 3)], {})
    row = {"_id": write.id, **write.fixed, **write.facets}
    assert receipts.fold([persisted(0, 3)], {write.id: row}) == []
