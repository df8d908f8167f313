"""Limits that all nodes share, in Redis: each take is one atomic step there, by the server's clock."""

from typing import Final

from core.ports.limits import Rate
from projections.ephemeral.redis_client import Connected

TAKE: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local per_token = 1000000 / tonumber(ARGV[1])
local room = per_token * tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
full_at = math.min(full_at, now + room) + per_token * tonumber(ARGV[3])
local wait = math.floor(full_at - now - room) -- less than a microsecond is a sum that does not come out even
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.max(1, math.ceil((full_at - now) / 1000)))
return 0
"""
"""A bucket is the time at which it will be full again, in microseconds (GCRA): one number, gone when it is full."""


class RedisLimits:
    """The port `Limits`. A Redis that loses its memory fills every bucket."""

    def __init__(self, url: str) -> None:
        self._connected = Connected(url)

    async def start(self) -> None:
        """Be ready; Redis may be down."""
        self._connected.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._connected.stop()

    async def take(self, key: str, rate: Rate, n: int = 1) -> float:
        """Take `n` tokens in one round trip of at most 200 ms, all of them or none."""
        async with self._connected.client() as client:
            wait_us: int = await client.eval(TAKE, 1, f"caas:limit:{key}", rate.per_s, rate.burst, n)
        return wait_us / 1e6
