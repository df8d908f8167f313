"""Keeps the limits that all nodes share in Redis: each take is one atomic step there, by the server's clock."""

from typing import Final

from core.rate_limit import Rate
from projections.ephemeral.redis_client import RedisConnection

TAKE: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local per_token = 1000000 / tonumber(ARGV[1])
local room = per_token * tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
full_at = math.min(full_at, now + room) + per_token * tonumber(ARGV[3])
local wait = math.floor(full_at - now - room) -- less than a microsecond is a rounding error
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.max(1, math.ceil((full_at - now) / 1000)))
return 0
"""
"""A bucket is stored as the time when it will be full again, in microseconds (GCRA): one number, expired when full."""


class RedisLimits:
    """The port `Limits`. When Redis loses its data every bucket is full."""

    def __init__(self, url: str) -> None:
        self._connection = RedisConnection(url)

    async def start(self) -> None:
        """Create the client; Redis may be down."""
        self._connection.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._connection.stop()

    async def take(self, key: str, rate: Rate, n: int = 1) -> float:
        """Take `n` tokens, all or none, in one round trip of at most 200 ms; return 0, or the seconds to wait."""
        async with self._connection.client() as client:
            wait_us: int = await client.eval(TAKE, 1, f"caas:limit:{key}", rate.per_s, rate.burst, n)
        return wait_us / 1e6
