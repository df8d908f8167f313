"""Tests limits in one process: the contract, and the fallback while the shared limits are down."""

import asyncio

import pytest

from core.health import Health
from core.ports.event_log import Unavailable
from core.ports.limits import Limits
from core.rate_limit import Rate
from projections.ephemeral.limits import RETRY_INTERVAL_S, FallbackLimits, InProcessLimits
from tests.contracts.limits import SLOW, LimitsContract
from tests.eventually import eventually


class FragileLimits(InProcessLimits):
    """Limits that can be down."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.calls = 0

    async def take(self, key: str, rate: Rate, n: int = 1) -> float:
        self.calls += 1
        if self.down:
            raise Unavailable("the limits are down")
        return await super().take(key, rate, n)


class TestInProcessLimits(LimitsContract):
    @pytest.fixture
    def limits(self) -> Limits:
        return InProcessLimits()


class TestFallbackLimits(LimitsContract):
    @pytest.fixture
    def limits(self) -> Limits:
        return FallbackLimits(InProcessLimits(), Health())


class TestFallbackLimitsThatFellBack(LimitsContract):
    @pytest.fixture
    def limits(self) -> Limits:
        shared = FragileLimits()
        shared.down = True
        return FallbackLimits(shared, Health())


async def test_process_counts_by_itself_while_the_shared_limits_are_down_and_returns_to_them() -> None:
    shared, health = FragileLimits(), Health()
    limits = FallbackLimits(shared, health)
    assert await limits.take("a", SLOW, 10) == 0
    shared.down = True
    assert await limits.take("a", SLOW, 10) == 0
    assert await limits.take("a", SLOW) > 0
    shared.down = False

    async def calls_the_shared_limits_again() -> bool:
        return await limits.take("b", SLOW) == 0 and health.counted["limits_down"] == 1 and shared.calls == 3

    await eventually(calls_the_shared_limits_again, within=2 * RETRY_INTERVAL_S)


async def test_server_that_is_down_is_called_once_a_second() -> None:
    shared, health = FragileLimits(), Health()
    shared.down = True
    limits = FallbackLimits(shared, health)
    await asyncio.gather(*(limits.take(f"{n % 3}", Rate(1000.0, 1000)) for n in range(50)))
    calls = shared.calls
    for n in range(50):
        await limits.take(f"{n % 3}", Rate(1000.0, 1000))
    assert shared.calls == calls == health.counted["limits_down"]
