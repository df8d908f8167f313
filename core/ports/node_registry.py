"""NodeRegistry maps conversations to the nodes with their members; its data may be lost without harm."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol


class NodeLookup(Protocol):
    """Finds the nodes to which a push goes."""

    async def nodes(self, conversations: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """Return the live nodes that have a member of each conversation. Raises `Unavailable`."""
        ...


class NodeRegistry(NodeLookup, Protocol):
    """Records which nodes have a session of a conversation's member, and at which URL clients reach the nodes.

    A node that does not call `alive`, or does not announce itself, within the TTL is forgotten. All raise `Unavailable`
    if the server is down. After the server lost its data `alive` returns False once: the node then enters everything
    again.
    """

    async def start(self) -> None:
        """Connect, without waiting for the server: its data may be lost."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    async def alive(self, node: str, ttl_s: float) -> bool:
        """Keep a node alive for `ttl_s` more seconds. Return whether it was known before."""
        ...

    async def enter(self, node: str, conversations: Iterable[str]) -> None:
        """Record that this node has a member of each of these conversations."""
        ...

    async def leave(self, node: str, conversations: Iterable[str]) -> None:
        """Record that this node no longer has a member of these."""
        ...

    async def forget(self, node: str) -> None:
        """Remove a node that stops."""
        ...

    async def announce(self, node: str, url: str, ttl_s: float) -> None:
        """Announce for `ttl_s` more seconds that clients may be sent to this node, at `url`."""
        ...

    async def withdraw(self, node: str) -> None:
        """Withdraw the announcement, if there is one."""
        ...

    async def announced(self) -> list[str]:
        """Return the URLs of the announced nodes, each once, sorted."""
        ...
