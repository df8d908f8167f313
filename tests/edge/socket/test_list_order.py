"""The order of a list by activity, and what a cursor promises: nobody is missed, whatever moves while one pages."""

import random

import pytest

from core.domain.decision import Rejected
from edge.socket.list_order import Cursor, Key, after, ordered, packed, unpacked

ONE, TWO, THREE, FOUR = (Key(f"2026-11-2{n}T09:30:00.000Z", f"c{n}") for n in range(1, 5))
LATER = Key("2026-11-29T09:30:00.000Z", "c1")


def test_a_list_begins_with_the_newest() -> None:
    assert ordered([TWO, ONE, THREE], None) == [THREE, TWO, ONE]


def test_a_page_goes_on_where_the_one_before_ended() -> None:
    cursor = after(None, [THREE, TWO])
    assert cursor == Cursor(THREE, TWO)
    assert ordered([ONE, TWO, THREE], cursor) == [ONE]


def test_what_moved_to_the_top_meanwhile_comes_before_the_rest() -> None:
    cursor = after(None, [FOUR, THREE])
    assert ordered([LATER, TWO, THREE, FOUR], cursor) == [LATER, TWO]
    assert after(cursor, [LATER]) == Cursor(LATER, THREE)
    assert after(cursor, [LATER, TWO]) == Cursor(LATER, TWO)


def test_those_of_one_time_stand_apart_by_their_ids() -> None:
    same = [Key(ONE.at, name) for name in "abc"]
    assert ordered(same, after(None, [same[2], same[1]])) == [same[0]]


def test_whatever_moves_nobody_is_missed() -> None:
    for seed in range(300):
        chance = random.Random(seed)
        times = {f"c{n}": n for n in range(12)}
        clock, cursor, told = 100, None, set[str]()
        while left := ordered([Key(f"{at:04}", name) for name, at in times.items()], cursor):
            page = left[: chance.randint(1, 4)]
            told |= {key.id for key in page}
            cursor = after(cursor, page)
            for _ in range(chance.randint(0, 2) if clock < 120 else 0):
                clock += 1
                times[f"c{chance.randrange(12)}"] = clock
        assert told == times.keys()


def test_a_cursor_comes_back_as_it_was_given() -> None:
    assert unpacked(packed(Cursor(FOUR, ONE))) == Cursor(FOUR, ONE)


@pytest.mark.parametrize("text", ["", "x", "é", "c1", "AAAA", packed(Cursor(FOUR, ONE))[:-3]])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(Rejected) as no:
        unpacked(text)
    assert (no.value.code, no.value.errors) == ("validation_failed", (("/data/after", "value"),))
