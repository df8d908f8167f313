"""Keeps the node registry and the cache in Redis: their data may be lost at any time; every call ends within 200 ms."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from projections.ephemeral.redis_bus import RedisBus
from projections.ephemeral.redis_client import RedisConnection

__all__ = ["RedisBus", "RedisCache", "RedisNodeRegistry"]

TTL_S: Final = 7 * 86_400
"""Time to live of a conversation's set of nodes since it was last entered or read, in seconds."""

_NODES: Final = """
local found = {}
for i, key in ipairs(KEYS) do
  local living = {}
  for _, node in ipairs(redis.call('SMEMBERS', key)) do
    if redis.call('EXISTS', ARGV[1] .. node) == 1 then
      living[#living + 1] = node
    else
      redis.call('SREM', key, node)
    end
  end
  if #living > 0 then redis.call('EXPIRE', key, ARGV[2]) end
  found[i] = living
end
return found
"""


_ANNOUNCE: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now + ARGV[3]) .. ' ' .. ARGV[2])
"""
_ANNOUNCED: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local said, found = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #said, 2 do
  local space = string.find(said[i + 1], ' ', 1, true)
  if tonumber(string.sub(said[i + 1], 1, space - 1)) > now then
    found[#found + 1] = string.sub(said[i + 1], space + 1)
  else
    redis.call('HDEL', KEYS[1], said[i])
  end
end
return found
"""
_SOCKETS: Final = "caas:sockets"
"""A hash: node → expiry in milliseconds of the server's clock, a space, and the node's URL."""


class RedisNodeRegistry:
    """The port `NodeRegistry`: a set of nodes per conversation, and a key per node with the TTL that the node sets.

    A node without a key is ignored, and removed from a set in which it is found: in one step on the server, so that a
    node which has just come back does not lose its entries.
    """

    def __init__(self, url: str) -> None:
        self._connection = RedisConnection(url)

    async def start(self) -> None:
        """Create the client; Redis may be down."""
        self._connection.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._connection.stop()

    async def alive(self, node: str, ttl_s: float) -> bool:
        """Keep a node alive for `ttl_s` more seconds; return whether it was known before."""
        async with self._connection.client() as client:
            before = await client.set(_node(node), b"1", px=max(1, int(ttl_s * 1000)), get=True)
        return before is not None

    async def enter(self, node: str, conversations: Iterable[str]) -> None:
        """Register that this node holds a participant of these conversations."""
        async with self._connection.client() as client, client.pipeline(transaction=False) as pipeline:
            for conversation in conversations:
                pipeline.sadd(_holders(conversation), node)
                pipeline.expire(_holders(conversation), TTL_S)
            await pipeline.execute()

    async def leave(self, node: str, conversations: Iterable[str]) -> None:
        """Remove these conversations of this node."""
        async with self._connection.client() as client, client.pipeline(transaction=False) as pipeline:
            for conversation in conversations:
                pipeline.srem(_holders(conversation), node)
            await pipeline.execute()

    async def nodes(self, conversations: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """Return the live nodes that hold a participant of each, in one round trip."""
        if not conversations:
            return {}
        keys = [_holders(conversation) for conversation in conversations]
        async with self._connection.client() as client:
            found = await client.eval(_NODES, len(keys), *keys, _node(""), TTL_S)
        return {
            conversation: frozenset(node.decode() for node in nodes)
            for conversation, nodes in zip(conversations, found, strict=True)
        }

    async def forget(self, node: str) -> None:
        """Remove a node; the sets drop it when they are read."""
        async with self._connection.client() as client:
            await client.delete(_node(node))

    async def announce(self, node: str, url: str, ttl_s: float) -> None:
        """Announce for `ttl_s` more seconds that clients may connect to this node, at `url`; by the server's clock."""
        async with self._connection.client() as client:
            await client.eval(_ANNOUNCE, 1, _SOCKETS, node, url, int(ttl_s * 1000))

    async def withdraw(self, node: str) -> None:
        """Remove the announcement of this node."""
        async with self._connection.client() as client:
            await client.hdel(_SOCKETS, node)

    async def announced(self) -> list[str]:
        """Return the URLs of the announced nodes, each once, in order; one round trip, which drops expired ones."""
        async with self._connection.client() as client:
            found = await client.eval(_ANNOUNCED, 1, _SOCKETS)
        return sorted({url.decode() for url in found})


def _node(node: str) -> str:
    return f"caas:node:{node}"


def _holders(conversation: str) -> str:
    return f"caas:holders:{conversation}"


class RedisCache:
    """The port `Cache`."""

    def __init__(self, url: str) -> None:
        self._connection = RedisConnection(url)

    async def start(self) -> None:
        """Create the client; Redis may be down."""
        self._connection.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._connection.stop()

    async def get(self, key: str) -> bytes | None:
        """Return the value of a key; None if it has none."""
        async with self._connection.client() as client:
            found: bytes | None = await client.get(f"caas:cache:{key}")
        return found

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep the value for `ttl_s` seconds."""
        async with self._connection.client() as client:
            await client.set(f"caas:cache:{key}", value, px=max(1, int(ttl_s * 1000)))
