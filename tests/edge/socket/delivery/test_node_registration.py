"""A node whose presence is down is not ready, tries again soon, and is ready once it stands where it stood."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from core.health import Health
from core.ports.event_log import Unavailable
from edge.socket.delivery import node_registration
from edge.socket.delivery.node_registration import WAITS_FOR, NodeRegistration
from projections.ephemeral.in_process import InProcessNodeRegistry
from tests.eventually import eventually

ROOM = "6f1d1f8a-0000-5000-8000-000000000001"
LONG_S = 3_600.0


class Frail(InProcessNodeRegistry):
    """Presence whose server can be down."""

    down = False
    entered = 0

    async def alive(self, node: str, ttl_s: float) -> bool:
        if self.down:
            raise Unavailable("Redis is down")
        return await super().alive(node, ttl_s)

    async def enter(self, node: str, conversations: Iterable[str]) -> None:
        if self.down:
            raise Unavailable("Redis is down")
        self.entered += 1
        await super().enter(node, conversations)


class Node:
    """A node that holds one room, and its readiness."""

    def __init__(self) -> None:
        self.presence = Frail()
        self.health = Health()
        self.returned = 0
        self.standing = NodeRegistration(self.presence, "one", LONG_S, self.health)

    async def keep(self) -> None:
        await self.standing.keep(lambda: [ROOM], self._return)

    def _return(self) -> None:
        self.returned += 1


@pytest.fixture
async def node(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    """One that has said once that it lives, and says it again in an hour."""
    monkeypatch.setattr(node_registration, "AGAIN_S", 0.01)
    found = Node()
    keeps = asyncio.create_task(found.keep())
    await eventually(lambda: found.returned == 1)
    yield found
    keeps.cancel()
    await asyncio.wait([keeps])


async def test_readiness_says_why_while_it_is_down_and_that_it_is_back(node: Node) -> None:
    assert node.health.ready
    node.presence.down = True
    await node.standing.enter([ROOM])
    assert node.health.waiting == {WAITS_FOR: "Redis is down"}

    lost = node.health.counted["presence_lost"]
    await eventually(lambda: node.health.counted["presence_lost"] > lost + 1)
    assert not node.health.ready

    node.presence.down = False
    await eventually(lambda: node.health.ready)
    assert (await node.presence.nodes([ROOM]))[ROOM] == {"one"}
    await eventually(lambda: node.returned == 2)


async def test_one_call_that_failed_does_not_cost_a_heartbeat(node: Node) -> None:
    node.presence.down = True
    await node.standing.enter([ROOM])
    node.presence.down = False
    await eventually(lambda: node.health.ready)


async def test_those_who_come_at_once_are_entered_together(node: Node) -> None:
    before = node.presence.entered
    await asyncio.gather(*(node.standing.enter([f"user:acme:{n}"]) for n in range(100)))
    assert node.presence.entered - before <= 2
    assert (await node.presence.nodes(["user:acme:0", "user:acme:99"]))["user:acme:99"] == {"one"}


async def test_who_enters_others_and_gives_up_leaves_them_to_the_next(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    may = asyncio.Event()
    enter = node.presence.enter

    async def slow(name: str, conversations: Iterable[str]) -> None:
        await may.wait()
        await enter(name, conversations)

    monkeypatch.setattr(node.presence, "enter", slow)
    blocks = asyncio.create_task(node.standing.enter(["a"]))
    await asyncio.sleep(0)
    first, second = [asyncio.create_task(node.standing.enter([name])) for name in ("b", "c")]
    await asyncio.sleep(0)
    blocks.cancel()
    await asyncio.wait([blocks])
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    may.set()
    await second
    assert (await node.presence.nodes(["b", "c"]))["c"] == {"one"}


async def test_what_is_left_while_another_is_left_is_left_as_well(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    await node.standing.enter(["a", "b"])
    leave = node.presence.leave

    async def meanwhile(name: str, conversations: Iterable[str]) -> None:
        await leave(name, conversations)
        node.standing.left("b")

    monkeypatch.setattr(node.presence, "leave", meanwhile)
    node.standing.left("a")
    for _ in range(2):
        await node.standing.beat(lambda: [ROOM])
    assert (await node.presence.nodes(["a", "b"])) == {"a": frozenset(), "b": frozenset()}
