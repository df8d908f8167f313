"""Limits on a real Redis: the contract, and that several nodes share them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from core.ports.event_log import Unavailable
from core.rate_limit import Rate
from edge.socket.commands.leased_limit import LeasedLimit
from projections.ephemeral.redis_limits import RedisLimits
from tests.contracts.limits import SLOW, LimitsContract, fresh

pytestmark = pytest.mark.stack


@pytest.fixture
def url(servers: dict[str, str]) -> str:
    return servers["CAAS_REDIS_GATEWAY_URL"]


@pytest.fixture
async def limits(url: str) -> AsyncIterator[RedisLimits]:
    limits = RedisLimits(url)
    await limits.start()
    yield limits
    await limits.stop()


class TestRedisLimits(LimitsContract):
    pass


async def test_concurrent_nodes_share_one_bucket(limits: RedisLimits, url: str) -> None:
    key, other = fresh(), RedisLimits(url)
    await other.start()
    try:
        waits = await asyncio.gather(*(one.take(key, SLOW) for one in (limits, other) for _ in range(10)))
    finally:
        await other.stop()
    assert waits.count(0.0) == 10


async def test_two_nodes_share_the_limit_of_a_user(limits: RedisLimits, url: str) -> None:
    rate, user, other = Rate(per_s=40, burst=80), fresh(), RedisLimits(url)
    await other.start()
    nodes = [LeasedLimit("commands", rate, one) for one in (limits, other)]
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def spend_fast(node: LeasedLimit) -> int:
        spent = 0
        while loop.time() < began + 1.5:
            spent += await node.spend(user) == 0
            await asyncio.sleep(0.001)
        return spent

    try:
        spent = await asyncio.gather(*(spend_fast(node) for node in nodes for _ in range(6)))
    finally:
        await other.stop()
    assert 80 + 40 * 1.5 - 2 * nodes[0].lease_size - 1 <= sum(spent) <= 80 + 40 * (loop.time() - began)


async def test_key_expires_when_its_bucket_is_full(limits: RedisLimits, url: str) -> None:
    slow, quick = fresh(), fresh()
    await limits.take(slow, Rate(per_s=0.1, burst=10), 3)
    await limits.take(quick, Rate(per_s=1000.0, burst=10), 3)
    async with Redis.from_url(url) as client:
        assert 29_000 < await client.pttl(f"caas:limit:{slow}") <= 30_000
        assert await client.pttl(f"caas:limit:{quick}") <= 3


async def test_unstarted_limits_are_unavailable(url: str) -> None:
    with pytest.raises(Unavailable):
        await RedisLimits(url).take(fresh(), SLOW)
