"""Run several nodes in one world, each with its own view, over one presence server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from core.ports.event_log import Unavailable
from edge.socket.node import Node
from projections.ephemeral.in_process_presence import InProcessPresenceStore
from streams.memberships.membership_tail import MembershipTail
from tests.edge.socket.world import World
from tests.eventually import eventually


class FragilePeople(InProcessPresenceStore):
    """A presence store that can be down."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False

    def _up(self) -> None:
        if self.down:
            raise Unavailable("the server is down")

    async def alive(self, *arguments: Any) -> bool:
        self._up()
        return await super().alive(*arguments)

    async def enter(self, *arguments: Any) -> None:
        self._up()
        await super().enter(*arguments)

    async def leave(self, *arguments: Any) -> None:
        self._up()
        await super().leave(*arguments)

    async def find(self, people: Any) -> Any:
        self._up()
        return await super().find(people)

    async def forget(self, *arguments: Any) -> None:
        self._up()
        await super().forget(*arguments)

    async def typing(self, *keys: Any, **times: float) -> frozenset[str]:
        self._up()
        return await super().typing(*keys, **times)


class Nodes:
    """The world, its nodes, and their presence server."""

    def __init__(self, found: World) -> None:
        self.world = found
        self.people = found.people = FragilePeople()
        self.all: list[Node] = []

    async def another(self, heartbeat_ms: int = 60_000) -> Node:
        """Start and return another node."""
        tail = MembershipTail(self.world.log, self.world.documents, self.world.health)
        self.world.run(tail.run())
        node = self.world.node(f"node-{len(self.all)}", heartbeat_ms, memberships=tail)
        self.all.append(node)
        await node.start()
        await eventually(lambda: tail.fresh)
        return node


@asynccontextmanager
async def nodes(folder: Path, *heartbeats_ms: int) -> AsyncIterator[Nodes]:
    """Run a system with a node for each of these heartbeats."""
    found = Nodes(World(folder))
    try:
        await found.world.start()
        for heartbeat_ms in heartbeats_ms:
            await found.another(heartbeat_ms)
        yield found
    finally:
        for node in found.all:
            await node.stop()
        await found.world.stop()
