"""Users take turns: a user with few requests does not wait behind the many of another."""

import asyncio

import pytest

from projections.queries.fair_turns import FairTurns
from tests.eventually import eventually


class Work:
    """Work in turns, each of which ends when the test sets its event."""

    def __init__(self, max_concurrent: int) -> None:
        self.now = 0.0
        self.turns = FairTurns(max_concurrent, lambda: self.now)
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}

    def ask(self, name: str) -> asyncio.Task[None]:
        """Start a request of the user whose name is its first letter."""
        return asyncio.create_task(self._work(name))

    async def _work(self, name: str) -> None:
        self.ends[name] = asyncio.Event()
        async with self.turns.turn(name[0]):
            self.begun.append(name)
            await self.ends[name].wait()

    async def begins(self, *names: str) -> None:
        await eventually(lambda: self.begun == list(names))

    async def reaches(self, name: str) -> None:
        await eventually(lambda: self.begun[-1:] == [name])


async def test_user_has_one_turn_at_a_time_and_other_users_go_between() -> None:
    work = Work(max_concurrent=2)
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


async def test_user_who_has_used_less_time_goes_first() -> None:
    work = Work(max_concurrent=1)
    tasks = [work.ask(name) for name in ("a1", "b1", "a2", "b2", "b3", "b4")]
    for name, seconds in (("a1", 0.5), ("b1", 0.1), ("b2", 0.1), ("b3", 0.1)):
        await work.reaches(name)
        work.now += seconds
        if name == "b3":
            tasks.append(work.ask("c1"))  # who asks for the first time goes before both who have waited for long
            await asyncio.sleep(0)
        work.ends[name].set()
    await work.begins("a1", "b1", "b2", "b3", "c1")
    for name in ("c1", "b4", "a2"):
        await work.reaches(name)
        work.now += 0.1
        work.ends[name].set()
    await asyncio.gather(*tasks)
    assert work.begun == ["a1", "b1", "b2", "b3", "c1", "b4", "a2"]


async def test_rest_is_not_saved_up() -> None:
    """Who did not ask for an hour has no hour in advance: then both alternate."""
    work = Work(max_concurrent=1)
    tasks = [work.ask("b0"), work.ask("a0")]
    for name, seconds in (("b0", 0.1), ("a0", 3600.0)):
        await work.reaches(name)
        work.now += seconds
        work.ends[name].set()
    await asyncio.gather(*tasks)
    tasks = [work.ask(name) for name in ("a1", "b1", "b2", "a2", "b3", "a3")]
    order = list[str]()
    for _ in tasks:
        await eventually(lambda: len(work.begun) == 3 + len(order))
        order.append(work.begun[-1])
        work.now += 1.0
        work.ends[order[-1]].set()
    await asyncio.gather(*tasks)
    assert order == ["a1", "b1", "a2", "b2", "a3", "b3"]


async def test_cancelled_request_takes_no_turn() -> None:
    work = Work(max_concurrent=1)
    first, second, third = (work.ask(name) for name in ("a1", "b1", "b2"))
    await work.begins("a1")
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    work.ends["a1"].set()
    await work.begins("a1", "b2")
    work.ends["b2"].set()
    await asyncio.gather(first, third)


async def test_turn_granted_to_a_cancelled_request_is_passed_on() -> None:
    work = Work(max_concurrent=1)
    first, second, third = (work.ask(name) for name in ("a1", "b1", "c1"))
    await work.begins("a1")
    first.cancel()
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    await work.begins("a1", "c1")
    work.ends["c1"].set()
    await third


async def test_turn_is_passed_on_if_the_next_request_is_cancelled_as_it_ends() -> None:
    """Both in one iteration of the loop: the cancelled task has not run yet when the turn is granted."""
    work = Work(max_concurrent=1)
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
