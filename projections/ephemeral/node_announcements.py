"""AnnouncedNodeRegistry is a node registry whose changes are announced on the bus, for those that keep them in memory.

A change is announced after the registry has it: who asks the registry before that hears of it later.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from core.ports.bus import Bus
from core.ports.node_registry import NodeRegistry

CHANNEL: Final = "nodes"
"""The channel of the bus on which nodes announce what they enter and leave."""


class NodeAnnouncement(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a node did: a heartbeat, which counts for `ttl_s` seconds, and the names that it entered or left.

    `n` counts the announcements of one process of the node, `life`, from 1 on: who misses one finds a gap in the next.
    """

    node: str
    life: str
    n: int
    ttl_s: float
    entered: list[str] = []
    left: list[str] = []
    stopped: bool = False


_pack: Final = msgspec.msgpack.Encoder().encode
_announcement: Final = msgspec.msgpack.Decoder(NodeAnnouncement)


def unpack_announcement(payload: bytes) -> NodeAnnouncement:
    """Decode an announcement. Raises `msgspec.DecodeError`."""
    return _announcement.decode(payload)


class AnnouncedNodeRegistry:
    """The port `NodeRegistry` over another, for one process, which `life` names. A change that cannot be announced
    raises `Unavailable`, though the registry may have it: its node then enters everything again.
    """

    def __init__(self, registry: NodeRegistry, bus: Bus, life: str) -> None:
        self._registry = registry
        self._bus = bus
        self._life = life
        self._n = 0
        self._ttl_s = 0.0
        self._in_order = asyncio.Lock()

    async def start(self) -> None:
        """Start the registry; the bus has an owner of its own."""
        await self._registry.start()

    async def stop(self) -> None:
        """Stop the registry."""
        await self._registry.stop()

    async def alive(self, node: str, ttl_s: float) -> bool:
        """Keep a node alive for `ttl_s` more seconds, and announce it; return whether it was known before."""
        known = await self._registry.alive(node, ttl_s)
        self._ttl_s = ttl_s
        await self._announce(node)
        return known

    async def enter(self, node: str, conversations: Iterable[str]) -> None:
        """Register that this node has a member of each of these conversations, and announce it."""
        names = list(conversations)
        await self._registry.enter(node, names)
        await self._announce(node, entered=names)

    async def leave(self, node: str, conversations: Iterable[str]) -> None:
        """Remove these conversations of this node, and announce it."""
        names = list(conversations)
        await self._registry.leave(node, names)
        await self._announce(node, left=names)

    async def nodes(self, conversations: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """Return the live nodes that have a member of each conversation."""
        return await self._registry.nodes(conversations)

    async def forget(self, node: str) -> None:
        """Remove a node that stops, and announce it."""
        await self._registry.forget(node)
        await self._announce(node, stopped=True)

    async def announce(self, node: str, url: str, ttl_s: float) -> None:
        """Announce a URL for clients: in the registry alone."""
        await self._registry.announce(node, url, ttl_s)

    async def withdraw(self, node: str) -> None:
        """Withdraw the announcement of a URL."""
        await self._registry.withdraw(node)

    async def announced(self) -> list[str]:
        """Return the URLs of the announced nodes."""
        return await self._registry.announced()

    async def _announce(
        self, node: str, entered: Sequence[str] = (), left: Sequence[str] = (), *, stopped: bool = False
    ) -> None:
        async with self._in_order:
            self._n += 1  # also where it is not sent: the next announcement has a gap before it
            said = NodeAnnouncement(
                node=node,
                life=self._life,
                n=self._n,
                ttl_s=self._ttl_s,
                entered=list(entered),
                left=list(left),
                stopped=stopped,
            )
            await self._bus.publish([(CHANNEL, _pack(said))])
