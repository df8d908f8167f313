"""Tests that receipts only grow and report which cursors moved, also when a record is repeated."""

from core.positions import position
from projections.facts import Fact
from projections.receipts import receipt_rows
from projections.receipts.receipt_rows import Folded
from schemas.envelope import Envelope
from schemas.events import TYPE_OF, MessageDelivered, PersistedMessage
from schemas.topics import MESSAGE_DELIVERED
from tests.given import AT, CORRELATION, ROOM, TENANT


def fact(offset: int, event: MessageDelivered) -> Fact:
    envelope = Envelope(
        id=f"r{offset}",
        type=TYPE_OF[MessageDelivered],
        source="/caas/streams/messages",
        time=AT,
        subject=ROOM,
        tenant=TENANT,
        correlation_id=CORRELATION,
        actor="bob",
    )
    return Fact(MESSAGE_DELIVERED, position(1, offset), envelope, event)


def persisted(offset: int, *seqs: int, sender: str = "bob") -> Fact:
    return saved(offset, *((sender, seq) for seq in seqs))


def saved(offset: int, *messages: tuple[str, int]) -> Fact:
    """Return the record that names these messages: `(sender, seq)`."""
    named = [PersistedMessage(message_id=f"m{seq}", sender=sender, seq=seq) for sender, seq in messages]
    return fact(
        offset,
        MessageDelivered(tenant=TENANT, at=AT, conversation_id=ROOM, stage="persisted", messages=named),
    )


def reached(offset: int, stage: str, seq: int, by: str = "ann", device: str = "") -> Fact:
    about = {"tenant": TENANT, "at": AT, "conversation_id": ROOM}
    return fact(offset, MessageDelivered(**about, stage=stage, seq=seq, by=by, device=device))  # type: ignore[arg-type]


def rows(*folded: Folded) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for one in folded:
        for write in one.writes:
            found[write.id] = {**found.get(write.id, {"_id": write.id}), **write.fixed, **write.facets}
    return found


def moved(folded: Folded) -> list[tuple[str, int, int]]:
    """Return the cursors that moved: `(user, read_seq, delivered_seq)`."""
    cursors = folded.moved.get(ROOM, {}).values()
    return [(one.user_id, one.read_seq, one.delivered_seq) for one in cursors]


def test_late_lower_receipt_does_not_lower_a_cursor() -> None:
    (write,) = receipt_rows.fold([persisted(0, 3), persisted(1, 2)], {}).writes
    assert write.id == f"{ROOM}:bob:"
    assert write.facets["persisted"] == {"pos": position(1, 1), "seq": 3, "was": 3}


def test_record_of_many_messages_sets_one_facet_for_each_sender() -> None:
    first = receipt_rows.fold([persisted(0, 1)], {})
    folded = receipt_rows.fold([saved(1, ("bob", 3), ("ann", 4), ("bob", 2))], rows(first))
    facets = {write.id: write.facets["persisted"] for write in folded.writes}
    assert facets == {
        f"{ROOM}:bob:": {"pos": position(1, 1), "seq": 3, "was": 1},
        f"{ROOM}:ann:": {"pos": position(1, 1), "seq": 4, "was": 0},
    }
    assert {write.id: write.fixed["user_id"] for write in folded.writes} == {
        f"{ROOM}:bob:": "bob",
        f"{ROOM}:ann:": "ann",
    }
    assert folded.moved == {}


def test_messages_named_again_in_other_records_change_no_number() -> None:
    facts = [saved(0, ("bob", 1), ("ann", 2)), saved(1, ("bob", 1)), saved(2, ("ann", 2), ("bob", 3))]
    seqs = {write.id: write.facets["persisted"]["seq"] for write in receipt_rows.fold(facts, {}).writes}
    assert seqs == {f"{ROOM}:bob:": 3, f"{ROOM}:ann:": 2}


def test_repeated_record_changes_nothing() -> None:
    before = receipt_rows.fold([persisted(0, 3)], {})
    assert receipt_rows.fold([persisted(0, 3)], rows(before)) == Folded([], {})


def test_each_device_has_its_cursor_and_the_user_the_furthest_of_them() -> None:
    folded = receipt_rows.fold(
        [reached(0, "delivered", 5, device="phone"), reached(1, "delivered", 3, device="desk")], {}
    )
    assert {key: row["delivered"]["seq"] for key, row in rows(folded).items()} == {  # type: ignore[index]
        f"{ROOM}:ann:": 5,
        f"{ROOM}:ann:phone": 5,
        f"{ROOM}:ann:desk": 3,
    }


def test_cursor_moves_only_beyond_all_devices() -> None:
    first = receipt_rows.fold([reached(0, "delivered", 5, device="phone")], {})
    second = receipt_rows.fold(
        [reached(1, "delivered", 4, device="desk"), reached(2, "delivered", 7, device="desk")], rows(first)
    )
    behind = receipt_rows.fold([reached(3, "delivered", 6, device="watch")], rows(first, second))
    assert [moved(one) for one in (first, second, behind)] == [[("ann", 0, 5)], [("ann", 0, 7)], []]


def test_delivered_and_read_grow_independently() -> None:
    folded = receipt_rows.fold([reached(0, "delivered", 5), reached(1, "read", 2), reached(2, "read", 4)], {})
    assert moved(folded) == [("ann", 4, 5)]
    assert set(rows(folded)[f"{ROOM}:ann:"]) >= {"delivered", "read"}


def test_read_message_counts_as_delivered() -> None:
    assert moved(receipt_rows.fold([reached(0, "delivered", 3), reached(1, "read", 5)], {})) == [("ann", 5, 5)]


def test_newest_record_reports_the_same_move_when_repeated() -> None:
    facts = [reached(0, "read", 2), reached(1, "read", 5)]
    again = receipt_rows.fold(facts, rows(receipt_rows.fold(facts, {})))
    assert again.writes == []
    assert moved(again) == [("ann", 5, 5)]


def test_rows_are_the_same_for_any_batches() -> None:
    several = saved(4, ("bob", 3), ("ann", 4))
    facts = [reached(0, "read", 2), persisted(1, 1), reached(2, "read", 1, by="bob"), reached(3, "read", 4), several]
    in_one_batch = rows(receipt_rows.fold(facts, {}))
    one_by_one: dict[str, dict[str, object]] = {}
    for each in facts:
        for key, row in rows(receipt_rows.fold([each], one_by_one)).items():  # type: ignore[arg-type]
            one_by_one[key] = {**one_by_one.get(key, {}), **row}
    assert one_by_one == in_one_batch


def test_record_without_a_user_or_body_changes_no_row() -> None:
    unreadable = Fact(MESSAGE_DELIVERED, position(1, 0), persisted(0, 1).envelope, None)
    nameless = [reached(1, "read", 5, by=""), persisted(2, 5, sender="")]
    assert receipt_rows.fold([unreadable, *nameless], {}) == Folded([], {})
