"""Keeps the presence store in Redis: a hash per user that lives for 30 days, and a key per node with the node's TTL.

No clean-up runs after a node that died: a read of a user removes that node's entry, in one step on the server, and the
user was last seen when the node was last alive.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from core.ports.presence_store import PresenceRecord
from projections.ephemeral.redis_client import RedisConnection

TTL_S: Final = 30 * 86_400

_ENTER: Final = """
for i, key in ipairs(KEYS) do
  redis.call('HSET', key, ARGV[1], ARGV[3 + i])
  if ARGV[2] > (redis.call('HGET', key, 'seen') or '') then redis.call('HSET', key, 'seen', ARGV[2]) end
  redis.call('EXPIRE', key, ARGV[3])
end
"""
_LEAVE: Final = """
for i, key in ipairs(KEYS) do
  redis.call('HDEL', key, ARGV[1])
  if ARGV[2 + i] > (redis.call('HGET', key, 'seen') or '') then redis.call('HSET', key, 'seen', ARGV[2 + i]) end
  redis.call('EXPIRE', key, ARGV[2])
end
"""
_FIND: Final = """
local found, lives = {}, {}
for i, key in ipairs(KEYS) do
  local fields, there, seen, dead = redis.call('HGETALL', key), {}, '', {}
  for f = 1, #fields, 2 do
    local node, said = fields[f], fields[f + 1]
    if node == 'seen' then
      if said > seen then seen = said end
    else
      if lives[node] == nil then lives[node] = redis.call('EXISTS', ARGV[1] .. node) == 1 end
      if lives[node] then
        there[#there + 1] = string.sub(node, 2)
        there[#there + 1] = said
      else
        dead[#dead + 1] = node
      end
    end
  end
  for _, node in ipairs(dead) do
    local last = redis.call('GET', ARGV[2] .. node) or ''
    if last > seen then
      seen = last
      redis.call('HSET', key, 'seen', seen)
    end
    redis.call('HDEL', key, node)
  end
  found[i] = {seen, there}
end
return found
"""
_TYPING: Final = """
local news = {}
for i, key in ipairs(KEYS) do
  if i > tonumber(ARGV[1]) then
    news[i] = redis.call('DEL', key)
  elseif redis.call('PTTL', key) <= tonumber(ARGV[3]) then
    redis.call('SET', key, '1', 'PX', ARGV[2])
    news[i] = 1
  else
    news[i] = 0
  end
end
return news
"""


class RedisPresenceStore:
    """The port `PresenceStore`. A field of a user's hash is `seen`, or `@` and a node."""

    def __init__(self, url: str) -> None:
        self._connection = RedisConnection(url)

    async def start(self) -> None:
        """Create the client; Redis may be down."""
        self._connection.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._connection.stop()

    async def alive(self, node: str, now: str, ttl_s: float) -> bool:
        """Keep a node alive for `ttl_s` more seconds; return whether it was known before."""
        async with self._connection.client() as client, client.pipeline(transaction=True) as pipeline:
            pipeline.set(_alive_key(node), b"1", px=max(1, int(ttl_s * 1000)), get=True)
            pipeline.set(_alive_at_key(node), now, ex=TTL_S)
            before, _ = await pipeline.execute()
        return before is not None

    async def enter(self, node: str, statuses: Mapping[str, str], now: str) -> None:
        """Enter these users at this node, each with a status, in one round trip."""
        if statuses:
            keys = [_user_key(key) for key in statuses]
            async with self._connection.client() as client:
                await client.eval(_ENTER, len(keys), *keys, f"@{node}", now, TTL_S, *statuses.values())

    async def leave(self, node: str, seen: Mapping[str, str]) -> None:
        """Remove these users from this node, with the time when each was last seen, in one round trip."""
        if seen:
            keys = [_user_key(key) for key in seen]
            async with self._connection.client() as client:
                await client.eval(_LEAVE, len(keys), *keys, f"@{node}", TTL_S, *seen.values())

    async def find(self, people: Sequence[str]) -> Mapping[str, PresenceRecord]:
        """Return the record of each of these users, in one round trip."""
        if not people:
            return {}
        keys = [_user_key(key) for key in people]
        async with self._connection.client() as client:
            found = await client.eval(_FIND, len(keys), *keys, _alive_key("")[:-1], _alive_at_key("")[:-1])
        return {
            key: PresenceRecord(_by_node(statuses), seen.decode() or None)
            for key, (seen, statuses) in zip(people, found, strict=True)
        }

    async def forget(self, node: str, now: str) -> None:
        """Remove a node: its users were last seen now. Their hashes drop it when they are read."""
        async with self._connection.client() as client, client.pipeline(transaction=True) as pipeline:
            pipeline.delete(_alive_key(node))
            pipeline.set(_alive_at_key(node), now, ex=TTL_S)
            await pipeline.execute()

    async def typing(
        self, began: Collection[str], ended: Collection[str], *, again_s: float, ttl_s: float
    ) -> frozenset[str]:
        """Return the typists whose beginning or end must be announced: an expiring key per typist; one round trip."""
        if not began and not ended:
            return frozenset()
        typists = [*began, *ended]
        keys, times = [_typist_key(key) for key in typists], [int(ttl_s * 1000), int((ttl_s - again_s) * 1000)]
        async with self._connection.client() as client:
            answers = await client.eval(_TYPING, len(keys), *keys, len(began), *times)
        return frozenset(key for key, news in zip(typists, answers, strict=True) if news)


def _by_node(fields: list[bytes]) -> dict[str, str]:
    """Return status by node; `fields` alternates nodes and statuses."""
    return {node.decode(): status.decode() for node, status in zip(fields[::2], fields[1::2], strict=True)}


def _alive_key(node: str) -> str:
    return f"caas:people-node:@{node}"


def _alive_at_key(node: str) -> str:
    return f"caas:people-said:@{node}"


def _user_key(key: str) -> str:
    return f"caas:person:{key}"


def _typist_key(key: str) -> str:
    return f"caas:typing:{key}"
