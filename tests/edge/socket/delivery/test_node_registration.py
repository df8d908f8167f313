"""A node whose node registry is down is not ready, retries soon, and is ready once it is registered again."""

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


class UnreliableRegistry(InProcessNodeRegistry):
    """A node registry whose server can be down."""

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
        self.presence = UnreliableRegistry()
        self.health = Health()
        self.returned = 0
        self.registration = NodeRegistration(self.presence, "one", LONG_S, self.health)

    async def keep(self) -> None:
        await self.registration.keep(lambda: [ROOM], self._return)

    def _return(self) -> None:
        self.returned += 1


@pytest.fixture
async def node(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    """A node that has sent one heartbeat, and sends the next in an hour."""
    monkeypatch.setattr(node_registration, "RETRY_INTERVAL_S", 0.01)
    found = Node()
    keeping = asyncio.create_task(found.keep())
    await eventually(lambda: found.returned == 1)
    yield found
    keeping.cancel()
    await asyncio.wait([keeping])


async def test_readiness_reports_an_outage_and_its_end(node: Node) -> None:
    assert node.health.ready
    node.presence.down = True
    await node.registration.enter([ROOM])
    assert node.health.waiting == {WAITS_FOR: "Redis is down"}

    lost = node.health.counted["presence_lost"]
    await eventually(lambda: node.health.counted["presence_lost"] > lost + 1)
    assert not node.health.ready

    node.presence.down = False
    await eventually(lambda: node.health.ready)
    assert (await node.presence.nodes([ROOM]))[ROOM] == {"one"}
    await eventually(lambda: node.returned == 2)


async def test_failed_call_is_retried_before_the_next_heartbeat(node: Node) -> None:
    node.presence.down = True
    await node.registration.enter([ROOM])
    node.presence.down = False
    await eventually(lambda: node.health.ready)


async def test_concurrent_names_are_entered_together(node: Node) -> None:
    before = node.presence.entered
    await asyncio.gather(*(node.registration.enter([f"user:acme:{n}"]) for n in range(100)))
    assert node.presence.entered - before <= 2
    assert (await node.presence.nodes(["user:acme:0", "user:acme:99"]))["user:acme:99"] == {"one"}


async def test_cancelled_call_leaves_its_names_to_the_next_one(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = asyncio.Event()
    enter = node.presence.enter

    async def slow(name: str, conversations: Iterable[str]) -> None:
        await allowed.wait()
        await enter(name, conversations)

    monkeypatch.setattr(node.presence, "enter", slow)
    blocking = asyncio.create_task(node.registration.enter(["a"]))
    await asyncio.sleep(0)
    first, second = [asyncio.create_task(node.registration.enter([name])) for name in ("b", "c")]
    await asyncio.sleep(0)
    blocking.cancel()
    await asyncio.wait([blocking])
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    allowed.set()
    await second
    assert (await node.presence.nodes(["b", "c"]))["c"] == {"one"}


async def test_name_left_while_another_is_removed_is_removed_too(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    await node.registration.enter(["a", "b"])
    leave = node.presence.leave

    async def meanwhile(name: str, conversations: Iterable[str]) -> None:
        await leave(name, conversations)
        node.registration.leave("b")

    monkeypatch.setattr(node.presence, "leave", meanwhile)
    node.registration.leave("a")
    for _ in range(2):
        await node.registration.beat(lambda: [ROOM])
    assert (await node.presence.nodes(["a", "b"])) == {"a": frozenset(), "b": frozenset()}


async def test_name_that_comes_while_all_are_entered_again_is_entered_too(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.presence.down = True
    await node.registration.beat(lambda: [ROOM])
    node.presence.down = False
    enter, coming = node.presence.enter, list[asyncio.Task[None]]()

    async def meanwhile(name: str, conversations: Iterable[str]) -> None:
        monkeypatch.setattr(node.presence, "enter", enter)
        coming.append(asyncio.create_task(node.registration.enter(["a"])))
        await asyncio.sleep(0)
        await enter(name, conversations)

    monkeypatch.setattr(node.presence, "enter", meanwhile)
    assert await node.registration.beat(lambda: [ROOM])
    await asyncio.gather(*coming)
    assert (await node.presence.nodes([ROOM, "a"])) == {ROOM: {"one"}, "a": {"one"}}
