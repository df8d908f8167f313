"""Contract of every set of limits, on servers that other tests use, too."""

import asyncio
from uuid import uuid4

import pytest

from core.ports.limits import Limits
from core.rate_limit import Rate
from tests.eventually import eventually

SLOW = Rate(per_s=1 / 3600, burst=10)
"""A rate so low that no bucket refills during a test."""


def fresh() -> str:
    return f"key-{uuid4()}"


async def taken_one_by_one(limits: Limits, key: str, rate: Rate, tries: int) -> int:
    return [await limits.take(key, rate) for _ in range(tries)].count(0.0)


class LimitsContract:
    """Give a fixture `limits`, ready for use."""

    async def test_full_bucket_gives_a_burst_and_no_more(self, limits: Limits) -> None:
        assert await taken_one_by_one(limits, fresh(), SLOW, 15) == 10

    @pytest.mark.parametrize("rate", [Rate(1 / 3600, 3), Rate(0.0007, 7), Rate(1 / 3, 1), Rate(0.5, 1000)])
    async def test_the_whole_burst_can_be_taken_at_once(self, limits: Limits, rate: Rate) -> None:
        key = fresh()
        assert await limits.take(key, rate, rate.burst) == 0
        assert await limits.take(key, rate) > 0

    async def test_early_caller_gets_the_waiting_time(self, limits: Limits) -> None:
        key = fresh()
        assert await limits.take(key, SLOW, 10) == 0
        for n in (1, 4, 10):
            assert await limits.take(key, SLOW, n) == pytest.approx(n * 3600, rel=0.01)

    async def test_take_is_all_or_nothing(self, limits: Limits) -> None:
        key = fresh()
        assert await limits.take(key, SLOW, 7) == 0
        assert await limits.take(key, SLOW, 4) == pytest.approx(3600, rel=0.01)
        assert await limits.take(key, SLOW, 3) == 0

    async def test_each_key_has_its_own_bucket(self, limits: Limits) -> None:
        one, other = fresh(), fresh()
        assert await limits.take(one, SLOW, 10) == 0
        assert await limits.take(one, SLOW) > 0
        assert await limits.take(other, SLOW, 10) == 0

    async def test_any_text_is_a_key(self, limits: Limits) -> None:
        for name in ("a b", "a\nb", "Ä€𝄞", "a:b:c", "{a}", "x" * 300):
            key = f"{name} {fresh()}"
            assert await limits.take(key, SLOW, 10) == 0
            assert await limits.take(key, SLOW) > 0

    async def test_concurrent_takes_stay_within_the_bucket(self, limits: Limits) -> None:
        key = fresh()
        waits = await asyncio.gather(*(limits.take(key, SLOW, 2) for _ in range(12)))
        assert waits.count(0.0) == 5

    async def test_take_succeeds_after_the_returned_wait(self, limits: Limits) -> None:
        key, rate = fresh(), Rate(per_s=20, burst=4)
        assert await limits.take(key, rate, 4) == 0
        wait_s = await limits.take(key, rate, 2)
        assert 0 < wait_s <= 0.1
        await asyncio.sleep(wait_s + 0.002)
        assert await limits.take(key, rate, 2) == 0

    async def test_bucket_fills_to_the_burst_and_not_beyond(self, limits: Limits) -> None:
        key, rate = fresh(), Rate(per_s=100, burst=5)
        assert await limits.take(key, rate, 5) == 0
        began = asyncio.get_running_loop().time()

        async def full_again() -> bool:
            return await limits.take(key, rate, 5) == 0

        await eventually(full_again)
        assert asyncio.get_running_loop().time() - began >= 0.045
        await asyncio.sleep(0.2)  # four times as long as it takes to fill
        assert await limits.take(key, rate, 5) == 0
        assert await limits.take(key, rate, 5) > 0

    async def test_rate_is_kept_in_the_long_run(self, limits: Limits) -> None:
        key, rate = fresh(), Rate(per_s=200, burst=10)
        loop = asyncio.get_running_loop()
        began, taken = loop.time(), 0
        while loop.time() - began < 0.5:
            taken += await limits.take(key, rate) == 0
            await asyncio.sleep(0.001)
        assert 10 <= taken <= 10 + 200 * (loop.time() - began) + 1

    async def test_changed_rate_applies_from_then_on(self, limits: Limits) -> None:
        key = fresh()
        assert await limits.take(key, SLOW, 10) == 0
        assert await limits.take(key, Rate(per_s=1000.0, burst=10)) <= 0.01
        other = fresh()
        assert await limits.take(other, Rate(per_s=1000.0, burst=1000), 1000) == 0
        assert await limits.take(other, Rate(per_s=2.0, burst=1)) <= 0.51
