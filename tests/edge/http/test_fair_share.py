"""While a node keeps up no user waits; while it is late, no user waits for others who use more time.

Time is virtual: it advances by what a step computes, so that no other process makes the node late.
"""

import asyncio
import gc
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from core.health import Health
from edge.http.fair_share import MOMENT_S, FairShare
from tests.simulation.loop import SeededLoop

LATE_S = 0.01


class ComputingLoop(SeededLoop):
    """A loop that runs ready steps in order, then due ones, and whose time advances while a step computes."""

    def computes(self, seconds: float) -> None:
        self._now += seconds

    def _step(self) -> None:
        if not self._ready:
            self._now = max(self._now, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self._now:
            handle = heapq.heappop(self._timers)[2]
            self._plain.append(handle)
            self._ready.append(None)
        ready = self._ready.pop(0) or self._plain.popleft()
        if not ready.cancelled():
            ready._run()


class Asking:
    """Users who send without end, each frame with a cost in seconds of the loop."""

    def __init__(self, loop: ComputingLoop) -> None:
        self.health = Health()
        self.share = FairShare(self.health, loop.time)
        self.done: Counter[str] = Counter()
        self._loop = loop

    async def work(self, seconds: float) -> None:
        self._loop.computes(seconds)

    async def asks(self, user: str, seconds: float) -> None:
        while True:
            await self.share.take(user, self.work(seconds))
            self.done[user] += 1
            await asyncio.sleep(0)

    async def ask(self, seconds: float, **costs: float) -> None:
        """Let these users send, on one connection each, for `seconds`."""
        tasks = [asyncio.create_task(self.asks(user, cost)) for user, cost in costs.items()]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def late(self) -> AsyncIterator[None]:
        """Let other work compute in every turn of the loop."""

        async def hog() -> None:
            while True:
                self._loop.computes(LATE_S)
                await asyncio.sleep(0)

        task = asyncio.create_task(hog())
        await self.share.take("first", self.work(0))  # starts the checks of lateness
        await asyncio.sleep(10 * LATE_S)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @property
    def waited(self) -> int:
        return self.health.counted["frames_waited"]


def timed(main: Callable[[Asking], Coroutine[Any, Any, None]]) -> None:
    """Run this in virtual time."""
    loop = ComputingLoop(1)  # type: ignore[abstract]

    async def begins() -> None:
        await main(Asking(loop))

    try:
        loop.run_until_complete(begins())
    finally:
        loop.run_until_complete(loop._end())
    assert loop.failures == []


def test_users_do_not_wait_while_node_keeps_up() -> None:
    async def main(asking: Asking) -> None:
        for n in range(500):
            await asking.share.take(f"{n % 3}", asking.work(MOMENT_S / 2))
            await asyncio.sleep(MOMENT_S / 5 * (n % 4))
        assert asking.waited == 0

    timed(main)


def test_light_user_does_not_wait() -> None:
    async def main(asking: Asking) -> None:
        async with asking.late():
            many = asyncio.create_task(asking.ask(20, a=0.002, b=0.002, c=0.002))
            await asyncio.sleep(1)
            for _ in range(30):
                before = asking.waited, asking.done.total()
                await asking.share.take("little", asking.work(0.0001))
                assert (asking.waited, asking.done.total()) == before
                await asyncio.sleep(0.5)
            await many
        assert asking.waited > 100

    timed(main)


def test_late_node_gives_users_equal_time_at_any_frame_cost() -> None:
    async def main(asking: Asking) -> None:
        async with asking.late():
            await asking.ask(60, dear=0.004, cheap=0.001)
        assert 3.5 < asking.done["cheap"] / asking.done["dear"] < 4.5

    timed(main)


def test_more_connections_give_no_more_time() -> None:
    async def main(asking: Asking) -> None:
        async with asking.late():
            many = [asyncio.create_task(asking.ask(60, many=0.001)) for _ in range(8)]
            await asking.ask(60, one=0.001)
            await asyncio.gather(*many)
        assert 0.9 < asking.done["many"] / asking.done["one"] < 1.1

    timed(main)


def test_single_user_of_a_late_node_proceeds() -> None:
    async def main(asking: Asking) -> None:
        async with asking.late():
            await asking.ask(60, alone=0.001)
        assert asking.done["alone"] * 0.001 > 60 * 0.04

    timed(main)


def test_recovered_node_lets_all_users_proceed() -> None:
    async def main(asking: Asking) -> None:
        async with asking.late():
            await asking.ask(10, a=0.002, b=0.002)
        await asyncio.sleep(1)
        waited = asking.waited
        for _ in range(50):
            await asking.share.take("a", asking.work(MOMENT_S / 2))
            await asyncio.sleep(0)
        assert asking.waited == waited

    timed(main)


def test_addresses_share_time_as_users_do() -> None:
    async def main(asking: Asking) -> None:
        async with asking.late():
            for _ in range(20):
                await asking.share.request("address")
        assert asking.waited > 5

    timed(main)


def test_cancelled_waiter_blocks_no_other() -> None:
    async def main(asking: Asking) -> None:
        async with asking.late():
            waiting = [asyncio.create_task(asking.asks("a", 0.02)) for _ in range(20)]
            await asyncio.sleep(0.3)
            assert asking.waited > 5
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            async with asyncio.timeout(5):
                for _ in range(20):
                    await asking.share.take("b", asking.work(0.001))
        gc.collect()  # work that was never begun would be reported now

    timed(main)


def test_computing_time_counts_and_waiting_time_does_not() -> None:
    async def waits() -> str:
        for _ in range(10):
            await asyncio.sleep(MOMENT_S)
        return "done"

    async def main(asking: Asking) -> None:
        async with asking.late():
            await asking.ask(1, a=0.01)
            waited = asking.waited
            assert await asking.share.take("b", waits()) == "done"
            await asking.share.take("b", asking.work(0))
            assert asking.waited == waited

    timed(main)


def test_work_fails_and_is_cancelled_as_without_a_share() -> None:
    ended = []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise KeyError("a")

    async def lasts() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def main(asking: Asking) -> None:
        async with asking.late():
            with pytest.raises(KeyError):
                await asking.share.take("b", fails())
            task = asyncio.create_task(asking.share.take("c", lasts()))
            await asyncio.sleep(5 * LATE_S)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    timed(main)
    assert ended == ["cancelled"]
