"""The order of a list by activity, and its cursor: no conversation is missed, whichever ones move between pages."""

import random

import pytest

from core.domain.decision import Rejected
from projections.queries.list_order import Cursor, Key, ListedKey, after, ordered, packed, unpacked

ONE, TWO, THREE, FOUR = (Key(0, f"2026-11-2{n}T09:30:00.000Z", f"c{n}") for n in range(1, 5))
LATER = Key(0, "2026-11-29T09:30:00.000Z", "c1")
PAST = Cursor(rest=ListedKey(Key(0, "", "c2"), Key(0, "", "c1")))
FULL = Cursor(ListedKey(Key(9, "", "p9"), Key(2, "", "p2")), ListedKey(FOUR, ONE))


def test_list_begins_with_the_newest() -> None:
    assert ordered([TWO, ONE, THREE], Cursor()) == [THREE, TWO, ONE]


def test_page_continues_where_the_previous_one_ended() -> None:
    cursor = after(Cursor(), [THREE, TWO])
    assert cursor == Cursor(rest=ListedKey(THREE, TWO))
    assert ordered([ONE, TWO, THREE], cursor) == [ONE]


def test_conversation_that_moved_to_the_top_is_listed_before_the_rest() -> None:
    cursor = after(Cursor(), [FOUR, THREE])
    assert ordered([LATER, TWO, THREE, FOUR], cursor) == [LATER, TWO]
    assert after(cursor, [LATER]) == Cursor(rest=ListedKey(LATER, THREE))
    assert after(cursor, [LATER, TWO]) == Cursor(rest=ListedKey(LATER, TWO))


def test_equal_times_are_ordered_by_id() -> None:
    same = [Key(0, ONE.at, name) for name in "abc"]
    assert ordered(same, after(Cursor(), [same[2], same[1]])) == [same[0]]


def test_last_pinned_are_first_whatever_the_activity_of_others() -> None:
    pinned = [Key(n, "", f"p{n}") for n in (1, 2)]
    assert ordered([*pinned, FOUR, ONE], Cursor()) == [*pinned[::-1], FOUR, ONE]
    cursor = after(Cursor(), [*pinned[::-1], TWO])
    assert ordered([*pinned, TWO, ONE, LATER], cursor) == [LATER, ONE]
    assert ordered([*pinned, Key(3, "", TWO.id), ONE], cursor) == [Key(3, "", TWO.id), ONE]


def test_no_conversation_is_missed_when_others_move() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        names = [f"c{n}" for n in range(12)]
        times, pins = {name: n for n, name in enumerate(names)}, dict.fromkeys(rng.sample(names, 3), 1)
        pins = {name: n for n, name in enumerate(pins, start=1)}
        clock, cursor, listed = 100, Cursor(), set[str]()
        while left := ordered(
            [Key(pins.get(name, 0), "" if pins.get(name) else f"{at:04}", name) for name, at in times.items()], cursor
        ):
            page = left[: rng.randint(1, 4)]
            listed |= {key.id for key in page}
            cursor = unpacked(packed(after(cursor, page)), present=True)
            for _ in range(rng.randint(0, 2) if clock < 120 else 0):
                clock, name = clock + 1, rng.choice(names)
                if rng.random() < 0.5:
                    times[name] = clock
                elif pins.pop(name, None) is None:
                    pins[name] = clock
        assert listed == times.keys()


def test_cursor_is_unpacked_unchanged() -> None:
    assert unpacked(packed(FULL), present=True) == FULL
    assert unpacked(packed(PAST), present=False) == PAST


@pytest.mark.parametrize("text", ["", "x", "é", "c1", "AAAA", packed(FULL)[:-3]])
def test_invalid_cursor_is_rejected(text: str) -> None:
    with pytest.raises(Rejected) as rejection:
        unpacked(text, present=True)
    assert (rejection.value.code, rejection.value.errors) == ("validation_failed", (("/data/after", "value"),))


@pytest.mark.parametrize("present", [True, False])
def test_cursor_of_the_other_list_is_rejected(present: bool) -> None:
    other = PAST if present else FULL
    with pytest.raises(Rejected) as rejection:
        unpacked(packed(other), present=present)
    assert (rejection.value.code, rejection.value.errors) == ("validation_failed", (("/data/after", "value"),))
