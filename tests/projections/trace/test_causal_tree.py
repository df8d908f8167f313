"""The tree of a request has each of its records exactly once, whatever they say that they came from."""

from hypothesis import given
from hypothesis import strategies as st

from projections.trace.causal_tree import trace_of
from schemas.wire.trace import Trace, TraceRecord
from tests.given import CORRELATION

IDS = st.sampled_from(["", "a", "b", "c", "d", "e", "elsewhere"])
RECORDS = st.lists(st.tuples(IDS, IDS, st.integers(0, 5)), max_size=12).map(
    lambda drawn: [record(n, event_id, cause, ms) for n, (event_id, cause, ms) in enumerate(drawn)]
)


def record(offset: int, event_id: str, cause: str = "", ms: int = 0) -> TraceRecord:
    return TraceRecord(topic="message.sent", partition=0, offset=offset, recorded_ms=ms, id=event_id, cause=cause)


def tree(*records: TraceRecord) -> list[tuple[int, int]]:
    """Return the depth and the offset of each entry."""
    return [(one.depth, one.record.offset) for one in trace_of(CORRELATION, records, 100).entries]


def test_effects_stand_below_their_causes_in_the_order_of_time() -> None:
    records = [record(3, "d", "a", 9), record(2, "c", "b", 7), record(1, "b", "a", 5), record(0, "a", "", 1)]
    assert tree(*records) == [(0, 0), (1, 1), (2, 2), (1, 3)]


def test_record_without_a_cause_in_the_trace_stands_at_the_root() -> None:
    assert tree(record(0, "a"), record(1, "b", "elsewhere"), record(2, "")) == [(0, 0), (0, 1), (0, 2)]


def test_cause_may_be_later_than_its_effect() -> None:
    assert tree(record(0, "b", "a", 1), record(1, "a", "", 2)) == [(0, 1), (1, 0)]


def test_circle_begins_at_its_earliest_record() -> None:
    circle = [record(0, "a", "c"), record(1, "b", "a"), record(2, "c", "b"), record(3, "d", "c")]
    assert tree(*circle) == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert tree(record(0, "a", "a"), record(1, "b", "a")) == [(0, 0), (1, 1)]


def test_effects_of_what_is_twice_in_the_log_stand_below_the_first() -> None:
    assert tree(record(0, "a"), record(1, "a", "", 1), record(2, "b", "a", 2)) == [(0, 0), (1, 2), (0, 1)]


def test_long_chain_has_its_depth() -> None:
    chain = [record(n, f"e{n}", f"e{n - 1}", n) for n in range(5_000)]
    found = trace_of(CORRELATION, chain, 5_000)
    assert [one.depth for one in found.entries] == list(range(5_000))


def test_more_records_than_the_limit_are_cut_and_it_says_so() -> None:
    records = [record(n, f"e{n}", "e0", n) for n in range(5)]
    found = trace_of(CORRELATION, records, 3)
    assert ([one.record.offset for one in found.entries], found.cut) == ([0, 1, 2], True)
    assert not trace_of(CORRELATION, records, 5).cut
    assert trace_of(CORRELATION, records, 5, cut=True).cut


def entries_hold_together(found: Trace) -> bool:
    for index, entry in enumerate(found.entries):
        if entry.parent is None:
            if entry.depth != 0:
                return False
            continue
        above = found.entries[entry.parent]
        if entry.parent >= index or above.depth + 1 != entry.depth or above.record.id != entry.record.cause:
            return False
    return True


@given(RECORDS)
def test_every_record_is_there_exactly_once(records: list[TraceRecord]) -> None:
    found = trace_of(CORRELATION, records, 100)
    assert sorted(one.record.offset for one in found.entries) == [one.offset for one in records]
    assert entries_hold_together(found)


@given(RECORDS)
def test_record_whose_cause_is_there_stands_at_the_root_only_to_break_a_circle(records: list[TraceRecord]) -> None:
    found = trace_of(CORRELATION, records, 100)
    ids = {one.id for one in records if one.id}
    roots = {one.record.offset for one in found.entries if one.parent is None and one.record.cause in ids}
    causes = {
        one.offset: next(by.offset for by in found_order(records) if by.id == one.cause)
        for one in records
        if one.cause in ids
    }
    for offset in roots:
        at, steps = causes[offset], 0
        while at != offset and at in causes and steps <= len(records):
            at, steps = causes[at], steps + 1
        assert at == offset


def found_order(records: list[TraceRecord]) -> list[TraceRecord]:
    return sorted(records, key=lambda one: (one.recorded_ms, one.offset))


@given(RECORDS, st.randoms())
def test_tree_does_not_depend_on_the_order_in_which_records_are_found(records: list[TraceRecord], chance) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(records)
    chance.shuffle(shuffled)
    assert trace_of(CORRELATION, shuffled, 100) == trace_of(CORRELATION, records, 100)
