"""Bus sends messages to the nodes: publish and subscribe, at most once."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol


class Bus(Protocol):
    """Publish and subscribe, at most once: a message published without a listener, or during an outage, is lost.

    `publish` raises `Unavailable` when the server is down. `subscribe` never ends by itself and reconnects;
    messages of one publisher come in order.
    """

    async def start(self) -> None:
        """Connect, without waiting for the server: its data may be lost."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send each payload to its channel."""
        ...

    def subscribe(self, channel: str) -> AsyncIterator[bytes]:
        """Iterate over the payloads of a channel, from the iterator's first step on."""
        ...
