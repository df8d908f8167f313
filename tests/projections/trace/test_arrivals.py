"""The arrival of a message is the first receipt of each device that has its number or a higher one."""

from projections.trace.arrivals import MAX_MESSAGES, MAX_RECEIPTS, Message, lowest, messages_of, with_arrivals
from schemas.wire.trace import TraceRecord
from tests.given import ROOM


def saved(offset: int, seq: int | None, event_id: str, room: str = ROOM) -> TraceRecord:
    return TraceRecord(
        topic="message.delivered",
        partition=1,
        offset=offset,
        stage="persisted",
        recorded_ms=offset,
        seq=seq,
        cause=event_id,
        key=room,
    )


def receipt(offset: int, seq: int, by: str, device: str | None = None, stage: str = "delivered") -> TraceRecord:
    return TraceRecord(
        topic="message.delivered", partition=1, offset=offset, stage=stage, seq=seq, by=by, device=device, key=ROOM
    )


def arrived(*receipts: TraceRecord) -> list[tuple[int, str]]:
    """Return the offsets of the receipts of message 5 that are shown, and the cause of each."""
    records = [saved(0, 5, "e5")]
    found = with_arrivals(records, {Message(ROOM, 5): lowest(receipts, 5)})
    assert found[0] == records[0]
    return [(one.offset, one.cause) for one in found[1:]]


def test_first_receipt_of_each_device_and_stage_is_an_arrival() -> None:
    receipts = [
        receipt(9, 5, "bob", "phone"),
        receipt(3, 7, "bob", "phone"),
        receipt(4, 5, "bob", "laptop"),
        receipt(5, 6, "bob", stage="read"),
        receipt(6, 6, "cem"),
    ]
    assert sorted(arrived(*receipts)) == [(3, "e5"), (4, "e5"), (5, "e5"), (6, "e5")]


def test_receipt_of_earlier_messages_is_none() -> None:
    assert arrived(receipt(3, 4, "bob")) == []


def test_receipt_of_several_messages_stands_below_the_first() -> None:
    records = [saved(0, 5, "e5"), saved(1, 6, "e6")]
    one = receipt(3, 6, "bob")
    found = with_arrivals(records, {message: [one] for message in messages_of(records)})
    assert [shown.cause for shown in found[2:]] == ["e5"]


def test_receipt_that_is_of_the_request_itself_is_there_once() -> None:
    records = [saved(0, 5, "e5"), receipt(3, 5, "bob")]
    assert with_arrivals(records, {Message(ROOM, 5): records[1:]}) == records


def test_changes_of_messages_have_no_arrivals() -> None:
    assert messages_of([saved(0, None, "e5"), receipt(3, 5, "bob")]) == {}


def test_what_is_looked_for_is_bounded_alike_in_every_order() -> None:
    records = [saved(n, n + 1, f"e{n}") for n in range(MAX_MESSAGES + 5)]
    assert messages_of(records) == messages_of(list(reversed(records)))
    assert len(messages_of(records)) == MAX_MESSAGES
    receipts = [receipt(n, 1 + n % 50, f"u{n}") for n in range(2 * MAX_RECEIPTS)]
    assert lowest(receipts, 3) == lowest(list(reversed(receipts)), 3)
    assert len(lowest(receipts, 3)) == MAX_RECEIPTS
