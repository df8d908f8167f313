"""The loop keeps the guarantees of asyncio and shuffles everything else."""

import asyncio

import pytest

from tests.simulation.loop import Stuck, run


async def _order() -> list[int]:
    order: list[int] = []

    async def step(number: int) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            order.append(number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(5):
            tasks.create_task(step(number))
    return order


def test_one_seed_is_one_order() -> None:
    assert run(3, _order) == run(3, _order)


def test_seeds_differ() -> None:
    assert len({tuple(run(seed, _order)) for seed in range(20)}) > 15


def test_plain_callbacks_keep_their_order() -> None:
    async def main() -> list[int]:
        loop, seen = asyncio.get_running_loop(), list[int]()
        for number in range(50):
            loop.call_soon(seen.append, number)
        while len(seen) < 50:
            await asyncio.sleep(0)
        return seen

    for seed in range(10):
        assert run(seed, main) == list(range(50))


def test_sleeping_costs_nothing_and_moves_the_clock() -> None:
    async def main() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    assert run(0, main) == 86_400


def test_timers_fire_in_time_order() -> None:
    async def main() -> list[float]:
        seen = list[float]()

        async def wait(seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append(seconds)

        await asyncio.gather(*(wait(seconds) for seconds in (3.0, 1.0, 2.0)))
        return seen

    assert run(1, main) == [1.0, 2.0, 3.0]


def test_a_timeout_is_a_timeout() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(0, main) == 5


def test_waiting_without_end_raises_stuck() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck):
        run(0, main)


def test_running_tasks_are_cancelled_at_the_end() -> None:
    ended = list[str]()

    async def sleeps() -> None:
        try:
            await asyncio.sleep(1e9)
        finally:
            ended.append("cancelled")

    async def main() -> None:
        task = asyncio.create_task(sleeps())
        await asyncio.sleep(1)
        assert not task.done()

    run(0, main)
    assert ended == ["cancelled"]
