"""The bus to the nodes: publish and subscribe, at most once."""

from collections.abc import AsyncIterator, Sequence
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
