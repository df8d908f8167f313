"""Which nodes hold a participant of a conversation, and where clients reach them; may be lost without harm."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol


class NodeRegistry(Protocol):
    """Which nodes hold a participant of a conversation, and where clients reach them.

    A node that does not say `alive`, or does not announce itself, within the TTL is forgotten. All raise `Unavailable`
    when the server is down. After the server lost its memory `alive` answers False once: the node then enters
    everything again.
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

    async def announce(self, node: str, url: str, ttl_s: float) -> None:
        """For `ttl_s` more seconds clients may be sent to this node, at `url`."""
        ...

    async def withdraw(self, node: str) -> None:
        """From now on none may; harmless where none might."""
        ...

    async def announced(self) -> list[str]:
        """Where the nodes are reached that clients may be sent to, each once, in order."""
        ...
