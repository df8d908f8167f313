"""Bus, presence and cache of a system that lives in one process: nothing here outlives it, and nothing needs to."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Final

QUEUED: Final = 10_000
"""Messages that wait for one subscriber; when it is slower than that, the oldest are lost, as on any bus."""


class _Subscriber:
    """One listener's queue."""

    def __init__(self, queued: int) -> None:
        self.payloads: deque[bytes] = deque(maxlen=queued)
        self.woken = asyncio.Event()


class InProcessBus:
    """A Bus within one event loop. A subscriber who falls `queued` messages behind loses the oldest."""

    def __init__(self, queued: int = QUEUED) -> None:
        self._queued = queued
        self._channels: dict[str, list[_Subscriber]] = {}

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Hand each payload to those who listen to its channel now."""
        await asyncio.sleep(0)
        for channel, payload in messages:
            for subscriber in self._channels.get(channel, ()):
                subscriber.payloads.append(payload)
                subscriber.woken.set()

    async def subscribe(self, channel: str) -> AsyncGenerator[bytes, None]:
        """The payloads of a channel, from the first step of the iterator on."""
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
        listeners = self._channels[channel]
        listeners.remove(subscriber)
        if not listeners:
            del self._channels[channel]


class InProcessNodeRegistry:
    """A Presence within one event loop; time is the loop's."""

    def __init__(self) -> None:
        self._alive_until: dict[str, float] = {}
        self._held: dict[str, dict[str, None]] = {}
        self._announced: dict[str, tuple[float, str]] = {}

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def alive(self, node: str, ttl_s: float) -> bool:
        """Say that a node lives for `ttl_s` more seconds; whether it was known before."""
        await asyncio.sleep(0)
        known = self._lives(node)
        self._alive_until[node] = asyncio.get_running_loop().time() + ttl_s
        return known

    async def enter(self, node: str, conversations: Iterable[str]) -> None:
        """From now on this node holds a participant of these."""
        await asyncio.sleep(0)
        for conversation in conversations:
            self._held.setdefault(conversation, {})[node] = None

    async def leave(self, node: str, conversations: Iterable[str]) -> None:
        """It no longer does."""
        await asyncio.sleep(0)
        for conversation in conversations:
            self._remove(node, conversation)

    async def nodes(self, conversations: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """The living nodes that hold a participant of each."""
        await asyncio.sleep(0)
        return {one: frozenset(filter(self._lives, self._held.get(one, ()))) for one in conversations}

    async def forget(self, node: str) -> None:
        """A node goes away."""
        await asyncio.sleep(0)
        self._alive_until.pop(node, None)
        for conversation in [one for one, nodes in self._held.items() if node in nodes]:
            self._remove(node, conversation)

    async def announce(self, node: str, url: str, ttl_s: float) -> None:
        """For `ttl_s` more seconds clients may be sent to this node, at `url`."""
        await asyncio.sleep(0)
        self._announced[node] = (asyncio.get_running_loop().time() + ttl_s, url)

    async def withdraw(self, node: str) -> None:
        """From now on none may."""
        await asyncio.sleep(0)
        self._announced.pop(node, None)

    async def announced(self) -> list[str]:
        """Where the nodes are reached that clients may be sent to."""
        await asyncio.sleep(0)
        now = asyncio.get_running_loop().time()
        self._announced = {node: told for node, told in self._announced.items() if told[0] > now}
        return sorted({url for _, url in self._announced.values()})

    def _lives(self, node: str) -> bool:
        return self._alive_until.get(node, float("-inf")) > asyncio.get_running_loop().time()

    def _remove(self, node: str, conversation: str) -> None:
        nodes = self._held.get(conversation, {})
        nodes.pop(node, None)
        if not nodes:
            self._held.pop(conversation, None)


class InProcessCache:
    """A Cache within one event loop; holds at most `entries`, then lets go of the ones put longest ago."""

    def __init__(self, entries: int = 100_000) -> None:
        self._limit = entries
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def get(self, key: str) -> bytes | None:
        """What is kept under a key."""
        await asyncio.sleep(0)
        until, value = self._entries.get(key, (0.0, None))
        if value is None or until > asyncio.get_running_loop().time():
            return value
        del self._entries[key]
        return None

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep it for `ttl_s` seconds."""
        await asyncio.sleep(0)
        self._entries.pop(key, None)
        self._entries[key] = (asyncio.get_running_loop().time() + ttl_s, value)
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)
