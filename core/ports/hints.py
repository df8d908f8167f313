"""What may be lost without harm: the bus to the nodes, who holds whom, and cached answers."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Protocol


class Bus(Protocol):
    """Publish and subscribe, at most once: a message published while nobody listens, or while it is down, is lost.

    `publish` raises `Unavailable` when the server is down. `subscribe` never ends by itself and reconnects inside;
    messages of one publisher come in order.
    """

    async def start(self) -> None:
        """Connect, without waiting for the server: what it is for may be lost."""
        ...

    async def stop(self) -> None:
        """Let go."""
        ...

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send each payload to its channel."""
        ...

    def subscribe(self, channel: str) -> AsyncIterator[bytes]:
        """The payloads of a channel, from the first step of the iterator on."""
        ...


class Presence(Protocol):
    """Which nodes hold a participant of a conversation. A node that does not say `alive` within the TTL is forgotten.

    All raise `Unavailable` when the server is down. After the server lost its memory `alive` answers False once: the
    node then enters everything again.
    """

    async def start(self) -> None:
        """Connect, without waiting for the server: what it is for may be lost."""
        ...

    async def stop(self) -> None:
        """Let go."""
        ...

    async def alive(self, node: str, ttl_s: float) -> bool:
        """Say that a node lives for `ttl_s` more seconds; whether it was known before."""
        ...

    async def enter(self, node: str, conversations: Iterable[str]) -> None:
        """From now on this node holds a participant of these."""
        ...

    async def leave(self, node: str, conversations: Iterable[str]) -> None:
        """It no longer does."""
        ...

    async def nodes(self, conversations: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """The living nodes that hold a participant of each."""
        ...

    async def forget(self, node: str) -> None:
        """A node goes away."""
        ...


class Cache(Protocol):
    """Answers kept for a while. Both raise `Unavailable` when the server is down: callers go on without."""

    async def start(self) -> None:
        """Connect, without waiting for the server: what it is for may be lost."""
        ...

    async def stop(self) -> None:
        """Let go."""
        ...

    async def get(self, key: str) -> bytes | None:
        """What is kept under a key."""
        ...

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep it for `ttl_s` seconds."""
        ...
