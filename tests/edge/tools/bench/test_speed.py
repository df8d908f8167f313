import asyncio

import pytest

from edge.tools.bench.speed import Speed, watched


def test_speed_without_work_is_zero() -> None:
    speed = Speed(1.0)
    assert speed.done(0)
    assert speed.per_s == 0.0


def test_work_before_the_first_sample_is_not_counted() -> None:
    speed = Speed(1.0)
    speed.done(1_000)
    assert speed.per_s == 0.0


async def test_work_is_cancelled_when_all_is_done() -> None:
    done = 0
    ended = False

    async def work() -> None:
        nonlocal done, ended
        try:
            while True:
                done += 1
                await asyncio.sleep(0.001)
        finally:
            ended = True

    rate = await watched(work(), lambda: done, total=50, seconds=10)
    assert ended
    assert rate > 0


async def test_failure_of_the_work_is_raised() -> None:
    async def work() -> None:
        raise LookupError("broken")

    with pytest.raises(LookupError):
        await watched(work(), lambda: 0, total=1, seconds=0.1)
