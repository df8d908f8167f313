"""While a node keeps up nobody waits; while it is late, nobody waits for those who ask for more than they do."""

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import thread_time

import pytest

from core.health import Health
from edge.socket.fair_share import MOMENT_S, FairShare

LATE_S = 0.01


def compute(seconds: float) -> None:
    ends = thread_time() + seconds
    while thread_time() < ends:
        pass


async def work(seconds: float) -> None:
    compute(seconds)


@asynccontextmanager
async def a_late_loop() -> AsyncIterator[None]:
    """Something else computes in every turn of the loop."""

    async def hog() -> None:
        while True:
            compute(LATE_S)
            await asyncio.sleep(0)

    task = asyncio.create_task(hog())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Asking:
    """Users who ask again and again, each frame for so many seconds of the loop."""

    def __init__(self) -> None:
        self.health = Health()
        self.share = FairShare(self.health)
        self.done: Counter[str] = Counter()

    async def asks(self, user: str, seconds: float) -> None:
        while True:
            await self.share.take(user, work(seconds))
            self.done[user] += 1
            await asyncio.sleep(0)

    async def ask(self, seconds: float, **costs: float) -> None:
        """All of these, on one connection each, for so long."""
        tasks = [asyncio.create_task(self.asks(user, cost)) for user, cost in costs.items()]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def waited(self) -> int:
        return self.health.counted["frames_waited"]


async def test_nobody_waits_at_a_node_that_keeps_up() -> None:
    asking = Asking()
    for n in range(500):
        await asking.share.take(f"{n % 3}", work(0.0001))
        await asyncio.sleep(0)
    assert asking.waited == 0


async def test_whoever_asks_little_waits_for_nobody() -> None:
    asking = Asking()
    async with a_late_loop():
        many = asyncio.create_task(asking.ask(1.5, a=0.002, b=0.002, c=0.002))
        await asyncio.sleep(0.2)
        for _ in range(10):
            before = asking.waited, asking.done.total()
            await asking.share.take("little", work(0.0001))
            assert asking.waited - before[0] <= 3  # the others
            assert asking.done.total() - before[1] <= 3
            await asyncio.sleep(0.1)
        await many
    assert asking.waited > 10


async def test_users_of_a_late_node_get_equal_parts_of_its_time_whatever_a_frame_costs() -> None:
    asking = Asking()
    async with a_late_loop():
        await asking.ask(3, dear=0.004, cheap=0.001)
    assert 2 < asking.done["cheap"] / asking.done["dear"] < 8


async def test_more_connections_are_not_more_time() -> None:
    asking = Asking()
    async with a_late_loop():
        many = [asyncio.create_task(asking.ask(3, many=0.001)) for _ in range(8)]
        await asking.ask(3, one=0.001)
        await asyncio.gather(*many)
    assert 0.5 < asking.done["many"] / asking.done["one"] < 2


async def test_addresses_take_turns_as_users_do() -> None:
    asking = Asking()
    async with a_late_loop():
        for _ in range(20):
            await asking.share.request("address")
            await asyncio.sleep(0)
        assert asking.waited > 0


async def test_who_goes_while_they_wait_holds_nobody_up() -> None:
    asking = Asking()
    async with a_late_loop():
        waiting = [asyncio.create_task(asking.asks("a", 0.02)) for _ in range(20)]
        await asyncio.sleep(0.3)
        assert asking.waited > 10
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        async with asyncio.timeout(5):
            for _ in range(20):
                await asking.share.take("b", work(0.001))
    gc.collect()  # work that nobody began would be reported now


async def test_the_time_between_waits_counts_and_the_waits_do_not() -> None:
    asking = Asking()

    async def waits(seconds: float) -> str:
        for _ in range(10):
            await asyncio.sleep(seconds)
        return "done"

    async with a_late_loop():
        await asking.ask(0.2, a=0.01)
        waited = asking.waited
        assert await asking.share.take("b", waits(MOMENT_S)) == "done"
        await asking.share.take("b", work(0))
        assert asking.waited == waited


async def test_work_fails_and_is_cancelled_as_it_is_without_a_share() -> None:
    asking, ended = Asking(), []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise KeyError("a")

    async def lasts() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async with a_late_loop():
        await asyncio.sleep(10 * MOMENT_S)
        await asking.share.take("a", work(0))  # from now on it looks whether it is late
        await asyncio.sleep(10 * MOMENT_S)
        with pytest.raises(KeyError):
            await asking.share.take("b", fails())
        task = asyncio.create_task(asking.share.take("c", lasts()))
        await asyncio.sleep(5 * LATE_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert ended == ["cancelled"]
