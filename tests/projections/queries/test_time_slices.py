"""Long work gives way after each millisecond, however many steps that is."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from projections.queries.time_slices import SLICE_S, TimeSlice


class FakeClock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


class Turns:
    """How often others had their turn on the event loop."""

    def __init__(self) -> None:
        self.had = 0
        self.each = asyncio.get_running_loop()

    def take(self) -> None:
        self.had += 1
        self.next = self.each.call_soon(self.take)


@contextmanager
def others() -> Iterator[Turns]:
    """Somebody else, who wants a turn whenever there is one."""
    turns = Turns()
    turns.next = turns.each.call_soon(turns.take)
    yield turns
    turns.next.cancel()


async def turns_beside(steps: int, each_s: float) -> int:
    """How many turns others have beside so many steps, each of which takes so long."""
    clock = FakeClock()
    slices = TimeSlice(clock)
    with others() as turns:
        for _ in range(steps):
            clock.time += each_s
            await slices.pause()
        return turns.had


@pytest.mark.parametrize(
    ("steps", "each_s", "turns"),
    [
        pytest.param(1000, 0, 0, id="work that takes no time goes on at once"),
        pytest.param(10, SLICE_S / 16, 0, id="ten short steps are no slice"),
        pytest.param(64, SLICE_S / 16, 3, id="short steps share a slice"),
        pytest.param(10, SLICE_S * 2, 10, id="a long step is a slice"),
    ],
)
async def test_others_have_their_turn_after_each_slice_and_not_before(steps: int, each_s: float, turns: int) -> None:
    assert await turns_beside(steps, each_s) == turns


async def test_a_slice_begins_when_the_others_had_their_turn() -> None:
    clock = FakeClock()
    slices = TimeSlice(clock)

    def works_for_long() -> None:
        clock.time += 1

    clock.time += 2 * SLICE_S
    asyncio.get_running_loop().call_soon(works_for_long)
    await slices.pause()
    with others() as turns:
        await slices.pause()
        assert turns.had == 0


async def test_a_slice_is_told_by_a_real_clock_where_no_other_is_given() -> None:
    slices = TimeSlice()
    with others() as turns:
        while not turns.had:
            await slices.pause()
