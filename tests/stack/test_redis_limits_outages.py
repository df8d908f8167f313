"""Limits while Redis is frozen or down: takes fail fast, a node counts by itself meanwhile, and all recover."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.health import Health
from core.ports.event_log import Unavailable
from deploy.local.stack import Stack
from edge.socket.commands.leased_limit import LeasedLimit
from projections.ephemeral.limits import FallbackLimits
from projections.ephemeral.redis_limits import RedisLimits
from tests.contracts.limits import SLOW, fresh
from tests.eventually import eventually

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.usefixtures("comes_back")]

ROLE = "redis"
SERVER = "redis-gateway"
BOUND_S = 0.4
"""Maximum duration of a take in seconds: 200 ms, and the delay of a busy machine."""


@pytest.fixture
async def limits(spare: Stack) -> AsyncIterator[RedisLimits]:
    limits = RedisLimits(spare.env()["CAAS_REDIS_GATEWAY_URL"])
    await limits.start()
    yield limits
    await limits.stop()


@pytest.mark.parametrize("how", ["freeze", "stop"])
async def test_take_raises_unavailable_within_its_bound_and_recovers(
    spare: Stack, limits: RedisLimits, how: str
) -> None:
    assert await limits.take(fresh(), SLOW) == 0
    spare.freeze(SERVER) if how == "freeze" else spare.stop(SERVER)
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(Unavailable):
        await limits.take(fresh(), SLOW)
    assert loop.time() - began < BOUND_S
    spare.thaw(SERVER) if how == "freeze" else await asyncio.to_thread(spare.start, SERVER)
    assert await limits.take(fresh(), SLOW) == 0


async def test_node_counts_by_itself_during_an_outage(spare: Stack, limits: RedisLimits) -> None:
    health = Health()
    node = LeasedLimit("commands", SLOW, FallbackLimits(limits, health))
    users = [fresh() for _ in range(100)]
    assert [await node.spend(user) for user in users] == [0.0] * 100
    spare.freeze(SERVER)
    loop = asyncio.get_running_loop()
    began = loop.time()
    spent = [[await node.spend(user) for _ in range(12)].count(0.0) for user in users]
    assert set(spent) == {10}  # one token of each was spent; its own bucket is full
    assert loop.time() - began < 3 * BOUND_S
    assert 1 <= health.counted["limits_down"] <= 3
    spare.thaw(SERVER)

    async def shares_again() -> bool:
        before = health.counted["limits_down"]
        key = fresh()
        await node.spend(key)
        return health.counted["limits_down"] == before and await limits.take(f"commands:{key}", SLOW, 10) > 0

    await eventually(shares_again)
