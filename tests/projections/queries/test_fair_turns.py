"""Users take turns: a user with few requests does not wait behind the many of another."""

import asyncio

import pytest

from projections.queries.fair_turns import FairTurns
from tests.eventually import eventually


class Work:
    """Work in turns, each of which ends when the test sets its event."""

    def __init__(self, max_concurrent: int) -> None:
        self.turns = FairTurns(max_concurrent)
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
