"""Long work lets other tasks run after each millisecond, whatever its number of steps."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from projections.queries.time_slices import SLICE_S, TimeSlice


class FakeClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


class Turns:
    """Counts the turns that other tasks had on the event loop."""

    def __init__(self) -> None:
        self.had = 0
        self.each = asyncio.get_running_loop()

    def take(self) -> None:
        self.had += 1
        self.next = self.each.call_soon(self.take)


@contextmanager
def others() -> Iterator[Turns]:
    """Run another task that takes every turn it can."""
    turns = Turns()
    turns.next = turns.each.call_soon(turns.take)
    yield turns
    turns.next.cancel()


async def turns_beside(steps: int, each_s: float) -> int:
    """Return the number of turns of other tasks during `steps` steps of `each_s` seconds."""
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
async def test_other_tasks_run_after_each_slice_only(steps: int, each_s: float, turns: int) -> None:
    assert await turns_beside(steps, each_s) == turns


async def test_slice_begins_after_the_turn_of_other_tasks() -> None:
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


async def test_slice_uses_a_real_clock_by_default() -> None:
    slices = TimeSlice()
    with others() as turns:
        while not turns.had:
            await slices.pause()
