"""Implements bus, node registry and cache for a system in one process: nothing here needs to outlive it."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Final

MAX_QUEUED: Final = 10_000
"""Maximum number of messages that wait for one subscriber; beyond it the oldest are lost, as on any bus."""


class _Subscriber:
    """One subscriber's queue."""

    def __init__(self, queued: int) -> None:
        self.payloads: deque[bytes] = deque(maxlen=queued)
        self.woken = asyncio.Event()


class InProcessBus:
    """The port `Bus` within one event loop. A subscriber more than `queued` messages behind loses the oldest."""

    def __init__(self, queued: int = MAX_QUEUED) -> None:
        self._queued = queued
        self._channels: dict[str, list[_Subscriber]] = {}

    async def start(self) -> None:
        """Do nothing: there is nothing to connect to."""

    async def stop(self) -> None:
        """Do nothing: there is nothing to release."""

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Put each payload into the queues of its channel's present subscribers."""
        await asyncio.sleep(0)
        for channel, payload in messages:
            for subscriber in self._channels.get(channel, ()):
                subscriber.payloads.append(payload)
                subscriber.woken.set()

    async def subscribe(self, channel: str) -> AsyncGenerator[bytes, None]:
        """Yield the payloads of a channel, from the first step of the iterator on."""
        subscriber = _Subscriber(self._queued)
        self._channels.setdefault(channel, []).append(subscriber)
        try:
            while True:
                await subscriber.woken.wait()
                subscriber.woken.clear()
                while subscriber.payloads:
                    yield subscriber.payloads.popleft()
        finally:
            self._leave(channel, subscriber)

    def _leave(self, channel: str, subscriber: _Subscriber) -> None:
        subscribers = self._channels[channel]
        subscribers.remove(subscriber)
        if not subscribers:
            del self._channels[channel]


class InProcessNodeRegistry:
    """The port `NodeRegistry` within one event loop; time is the loop's."""

    def __init__(self) -> None:
        self._alive_until: dict[str, float] = {}
        self._held: dict[str, dict[str, None]] = {}
        self._announced: dict[str, tuple[float, str]] = {}

    async def start(self) -> None:
        """Do nothing: there is nothing to connect to."""

    async def stop(self) -> None:
        """Do nothing: there is nothing to release."""

    async def alive(self, node: str, ttl_s: float) -> bool:
        """Keep a node alive for `ttl_s` more seconds; return whether it was known before."""
        await asyncio.sleep(0)
        known = self._is_alive(node)
        self._alive_until[node] = asyncio.get_running_loop().time() + ttl_s
        return known

    async def enter(self, node: str, conversations: Iterable[str]) -> None:
        """Register that this node holds a participant of these conversations."""
        await asyncio.sleep(0)
        for conversation in conversations:
            self._held.setdefault(conversation, {})[node] = None

    async def leave(self, node: str, conversations: Iterable[str]) -> None:
        """Remove these conversations of this node."""
        await asyncio.sleep(0)
        for conversation in conversations:
            self._remove(node, conversation)

    async def nodes(self, conversations: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """Return the live nodes that hold a participant of each."""
        await asyncio.sleep(0)
        return {one: frozenset(filter(self._is_alive, self._held.get(one, ()))) for one in conversations}

    async def forget(self, node: str) -> None:
        """Remove a node with its conversations."""
        await asyncio.sleep(0)
        self._alive_until.pop(node, None)
        for conversation in [key for key, nodes in self._held.items() if node in nodes]:
            self._remove(node, conversation)

    async def announce(self, node: str, url: str, ttl_s: float) -> None:
        """Announce for `ttl_s` more seconds that clients may connect to this node, at `url`."""
        await asyncio.sleep(0)
        self._announced[node] = (asyncio.get_running_loop().time() + ttl_s, url)

    async def withdraw(self, node: str) -> None:
        """Remove the announcement of this node."""
        await asyncio.sleep(0)
        self._announced.pop(node, None)

    async def announced(self) -> list[str]:
        """Return the URLs of the announced nodes, each once, in order."""
        await asyncio.sleep(0)
        now = asyncio.get_running_loop().time()
        self._announced = {node: entry for node, entry in self._announced.items() if entry[0] > now}
        return sorted({url for _, url in self._announced.values()})

    def _is_alive(self, node: str) -> bool:
        return self._alive_until.get(node, float("-inf")) > asyncio.get_running_loop().time()

    def _remove(self, node: str, conversation: str) -> None:
        nodes = self._held.get(conversation, {})
        nodes.pop(node, None)
        if not nodes:
            self._held.pop(conversation, None)


class InProcessCache:
    """The port `Cache` within one event loop; holds at most `entries`, then drops those put longest ago."""

    def __init__(self, entries: int = 100_000) -> None:
        self._limit = entries
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    async def start(self) -> None:
        """Do nothing: there is nothing to connect to."""

    async def stop(self) -> None:
        """Do nothing: there is nothing to release."""

    async def get(self, key: str) -> bytes | None:
        """Return the value of a key; None if it has none."""
        await asyncio.sleep(0)
        until, value = self._entries.get(key, (0.0, None))
        if value is None or until > asyncio.get_running_loop().time():
            return value
        del self._entries[key]
        return None

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep the value for `ttl_s` seconds."""
        await asyncio.sleep(0)
        self._entries.pop(key, None)
        self._entries[key] = (asyncio.get_running_loop().time() + ttl_s, value)
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)
