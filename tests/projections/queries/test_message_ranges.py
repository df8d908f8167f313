"""Pages join a member's membership intervals without gaps, and say correctly whether there is more."""

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from core.domain.member import Interval, Member
from projections.queries import message_ranges
from projections.queries.message_ranges import Slice


def member(*intervals: tuple[int, int | None]) -> Member:
    return Member("member", tuple(Interval(*one) for one in intervals))


def shown(cut: Slice) -> tuple[list[int], bool, bool]:
    return [seq for part in cut.ranges for seq in part], cut.more_before, cut.more_after


BEN = member((2, 4), (5, 4), (9, 10), (11, 12), (20, None))
"""He may read messages 2 to 4, 9 to 12, and 20 to the last."""
MINE = message_ranges.readable(BEN, 22)


def test_adjacent_intervals_are_joined_and_empty_ones_dropped() -> None:
    assert [range(2, 5), range(9, 13), range(20, 23)] == MINE


def test_interval_with_shown_history_includes_earlier_ones() -> None:
    shown = Member("member", (Interval(5, 8), Interval(11, 12), Interval(15, reads_from=7)))
    assert message_ranges.readable(shown, 20) == [range(5, 21)]
    assert message_ranges.readable(Member("member", (Interval(5, 8), Interval(15, reads_from=1))), 20) == [range(1, 21)]


def test_ranges_end_at_the_head() -> None:
    assert message_ranges.readable(BEN, 10) == [range(2, 5), range(9, 11)]
    assert message_ranges.readable(BEN, 1) == []
    assert message_ranges.readable(member((1, None)), 0) == []


@pytest.mark.parametrize(
    ("cut", "seqs", "more_before", "more_after"),
    [
        (message_ranges.before(MINE, None, 2), [21, 22], True, False),
        (message_ranges.before(MINE, None, 5), [11, 12, 20, 21, 22], True, False),
        (message_ranges.before(MINE, None, 100), [2, 3, 4, 9, 10, 11, 12, 20, 21, 22], False, False),
        (message_ranges.before(MINE, 20, 2), [11, 12], True, True),
        (message_ranges.before(MINE, 15, 2), [11, 12], True, True),
        (message_ranges.before(MINE, 10, 4), [2, 3, 4, 9], False, True),
        (message_ranges.before(MINE, 2, 4), [], False, True),
        (message_ranges.before(MINE, 99, 1), [22], True, False),
        (message_ranges.after(MINE, 0, 4), [2, 3, 4, 9], False, True),
        (message_ranges.after(MINE, 4, 2), [9, 10], True, True),
        (message_ranges.after(MINE, 7, 2), [9, 10], True, True),
        (message_ranges.after(MINE, 12, 3), [20, 21, 22], True, False),
        (message_ranges.after(MINE, 22, 3), [], True, False),
        (message_ranges.around(MINE, 10, 3), [9, 10, 11], True, True),
        (message_ranges.around(MINE, 6, 4), [3, 4, 9, 10], True, True),
        (message_ranges.around(MINE, 2, 4), [2, 3, 4, 9], False, True),
        (message_ranges.around(MINE, 22, 4), [12, 20, 21, 22], True, False),
        (message_ranges.around(MINE, 99, 2), [21, 22], True, False),
        (message_ranges.around(MINE, 12, 1), [12], True, True),
        (message_ranges.around([], 12, 3), [], False, False),
    ],
)
def test_page_is_a_part_of_the_readable_ranges(
    cut: Slice, seqs: list[int], more_before: bool, more_after: bool
) -> None:
    assert shown(cut) == (seqs, more_before, more_after)


def test_next_number_is_in_the_same_or_the_following_range() -> None:
    assert [message_ranges.next_after(MINE, seq) for seq in (0, 2, 4, 6, 12, 21, 22)] == [2, 3, 9, 9, 20, 22, None]


GAPS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=6)


@for_all(GAPS, st.integers(0, 40), st.integers(0, 40), st.integers(1, 7))
def test_pages_equal_slices_of_a_list_of_all_numbers(
    gaps: list[tuple[int, int]], head: int, seq: int, limit: int
) -> None:
    intervals, at = list[tuple[int, int | None]](), 1
    for gap, length in gaps:
        intervals.append((at + gap, at + gap + length - 1))
        at += gap + length
    one = member(*intervals)
    mine = [n for n in range(1, head + 1) if one.reads(n)]
    ranges = message_ranges.readable(one, head)
    assert [n for part in ranges for n in part] == mine

    before, after = [n for n in mine if n < seq], [n for n in mine if n > seq]
    assert shown(message_ranges.before(ranges, seq, limit)) == (before[-limit:], len(before) > limit, before != mine)
    assert shown(message_ranges.after(ranges, seq, limit)) == (after[:limit], after != mine, len(after) > limit)
    assert shown(message_ranges.before(ranges, None, limit)) == (mine[-limit:], len(mine) > limit, False)
    found, more_before, more_after = shown(message_ranges.around(ranges, seq, limit))
    assert len(found) == min(limit, len(mine))
    assert found == mine[mine.index(found[0]) :][: len(found)] if found else not mine
    assert not found or (more_before, more_after) == (found[0] != mine[0], found[-1] != mine[-1])
    assert seq not in mine or seq in found
    assert message_ranges.next_after(ranges, seq) == next(iter(after), None)
