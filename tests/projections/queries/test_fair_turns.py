"""Nobody waits longer for having asked less."""

import asyncio

import pytest

from projections.queries.fair_turns import FairTurns
from tests.eventually import eventually


class Work:
    """Work in turns, each of which ends when it is told to."""

    def __init__(self, at_once: int) -> None:
        self.turns = FairTurns(at_once)
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}

    def ask(self, name: str) -> asyncio.Task[None]:
        """A request of the user who is its first letter."""
        return asyncio.create_task(self._work(name))

    async def _work(self, name: str) -> None:
        self.ends[name] = asyncio.Event()
        async with self.turns.turn(name[0]):
            self.begun.append(name)
            await self.ends[name].wait()

    async def begins(self, *names: str) -> None:
        await eventually(lambda: self.begun == list(names))


async def test_one_user_has_one_turn_at_a_time_and_others_come_between() -> None:
    work = Work(at_once=2)
    tasks = [work.ask(name) for name in ("a1", "a2", "a3", "b1", "c1", "b2")]
    await work.begins("a1", "b1")
    work.ends["a1"].set()
    await work.begins("a1", "b1", "c1")
    work.ends["b1"].set()
    await work.begins("a1", "b1", "c1", "a2")
    work.ends["a2"].set()
    await work.begins("a1", "b1", "c1", "a2", "b2")
    for name in ("c1", "b2"):
        work.ends[name].set()
    await work.begins("a1", "b1", "c1", "a2", "b2", "a3")
    work.ends["a3"].set()
    await asyncio.gather(*tasks)


async def test_who_no_longer_waits_takes_no_turn() -> None:
    work = Work(at_once=1)
    first, second, third = (work.ask(name) for name in ("a1", "b1", "b2"))
    await work.begins("a1")
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    work.ends["a1"].set()
    await work.begins("a1", "b2")
    work.ends["b2"].set()
    await asyncio.gather(first, third)


async def test_a_turn_that_was_given_and_not_taken_is_given_on() -> None:
    work = Work(at_once=1)
    first, second, third = (work.ask(name) for name in ("a1", "b1", "c1"))
    await work.begins("a1")
    first.cancel()
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    await work.begins("a1", "c1")
    work.ends["c1"].set()
    await third


async def test_a_turn_that_ends_while_the_next_one_gives_up_is_given_on() -> None:
    """Both in one turn of the loop: who gives up has not run yet when the turn is given."""
    work = Work(at_once=1)
    first, second, third = (work.ask(name) for name in ("a1", "b1", "c1"))
    await work.begins("a1")
    work.ends["a1"].set()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    await first
    await work.begins("a1", "c1")
    work.ends["c1"].set()
    await third
