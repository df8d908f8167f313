"""LiveEmitter returns when logged effects are durable, and tries hints once."""

import asyncio
from asyncio import Future
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from core.health import Health
from core.ports.effects import Effects
from core.ports.event_log import OutcomeUnknown, Unavailable
from projections.ephemeral.in_process import InProcessBus, InProcessNodeRegistry
from schemas.envelope import Record
from schemas.topics import MESSAGE_SENT, partition_of
from schemas.wire.frames import Push, unpack_pushes
from streams.log.memory import MemoryLog
from streams.runtime.effects import LiveEmitter, channel_of
from streams.runtime.recent_pushes import RecentPushes
from tests.eventually import eventually
from tests.streams.world import said

AT = partition_of(MESSAGE_SENT, b"room")


def push(room: str, n: int = 1, to: str = "") -> Push:
    return Push(model="messages", generation=1, conversation_id=room, frame=b"{}", lane="sent", n=n, to=to)


class FailingLog(MemoryLog):
    """A log whose first appends fail with these errors."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__()
        self.failures = list(failures)

    def append(self, record: Record) -> "Future[int]":
        if self.failures:
            failed: Future[int] = asyncio.get_running_loop().create_future()
            failed.set_exception(self.failures.pop(0))
            return failed
        return super().append(record)


class HangingPresence(InProcessNodeRegistry):
    """A node registry that never answers."""

    async def nodes(self, conversations: Sequence[str]) -> Mapping[str, frozenset[str]]:
        await asyncio.Event().wait()
        return {}


class DownBus(InProcessBus):
    """A bus that is down."""

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        raise Unavailable("no bus")


class Nodes:
    """A bus, the nodes that listen to it, and what they received."""

    def __init__(self) -> None:
        self.bus, self.presence = InProcessBus(), InProcessNodeRegistry()
        self.received: dict[str, list[list[Push]]] = {}
        self.tasks: list[asyncio.Task[None]] = []

    async def node(self, name: str, *rooms: str) -> None:
        await self.presence.alive(name, 60)
        await self.presence.enter(name, rooms)
        self.received[name] = []
        self.tasks.append(asyncio.create_task(self._listen(name), name=name))
        await asyncio.sleep(0)

    async def _listen(self, name: str) -> None:
        async for payload in self.bus.subscribe(channel_of(name)):
            self.received[name].append(unpack_pushes(payload))


@pytest.fixture
async def nodes() -> AsyncIterator[Nodes]:
    nodes = Nodes()
    yield nodes
    for task in nodes.tasks:
        task.cancel()


async def test_logged_effects_are_in_the_log_in_order_after_emit(log: MemoryLog, nodes: Nodes) -> None:
    emitter = LiveEmitter(log, nodes.bus, nodes.presence, Health(), "messages")
    records = [said("room", n) for n in range(5)]
    await emitter.emit(Effects(records))
    assert [record.value for record in log.storage.records[AT]] == [record.value for record in records]


@pytest.mark.parametrize("failure", [Unavailable("down"), OutcomeUnknown("late")])
async def test_failed_append_is_repeated_until_it_is_durable(nodes: Nodes, failure: Exception) -> None:
    log = FailingLog(failure, failure, failure)
    await log.start()
    await LiveEmitter(log, nodes.bus, nodes.presence, Health(), "messages").emit(Effects([said("room", 1)]))
    assert len(log.storage.records[AT]) == 1
    await log.stop()


async def test_too_large_effect_is_counted_and_stops_nothing(nodes: Nodes) -> None:
    log, health = FailingLog(ValueError("too large")), Health()
    await log.start()
    emitter = LiveEmitter(log, nodes.bus, nodes.presence, health, "messages")
    await emitter.emit(Effects([said("room", 1), said("room", 2)]))
    assert [record.value for record in log.storage.records[AT]] == [said("room", 2).value]
    assert health.counted["effects_too_large"] == 1
    await log.stop()


async def test_hints_are_sent_only_to_nodes_with_a_participant(log: MemoryLog, nodes: Nodes) -> None:
    await nodes.node("one", "a", "b")
    await nodes.node("two", "b")
    emitter = LiveEmitter(log, nodes.bus, nodes.presence, Health(), "messages")
    await emitter.emit(Effects(hints=[push("a"), push("b"), push("c")]))
    await eventually(lambda: bool(nodes.received["one"] and nodes.received["two"]))
    assert [[one.conversation_id for one in pushes] for pushes in nodes.received["one"]] == [["a", "b"]]
    assert [[one.conversation_id for one in pushes] for pushes in nodes.received["two"]] == [["b"]]


async def test_hint_for_a_user_is_sent_to_their_nodes_only(log: MemoryLog, nodes: Nodes) -> None:
    await nodes.node("one", "a")
    await nodes.node("two", "user:acme:ann")
    emitter = LiveEmitter(log, nodes.bus, nodes.presence, Health(), "messages")
    await emitter.emit(Effects(hints=[push("a", to="user:acme:ann"), push("a")]))
    await eventually(lambda: bool(nodes.received["one"] and nodes.received["two"]))
    assert [[one.to for one in pushes] for pushes in nodes.received["one"]] == [[""]]
    assert [[one.to for one in pushes] for pushes in nodes.received["two"]] == [["user:acme:ann"]]


async def test_many_hints_are_cut_into_payloads_and_stay_in_order(log: MemoryLog, nodes: Nodes) -> None:
    await nodes.node("one", "a")
    emitter = LiveEmitter(log, nodes.bus, nodes.presence, Health(), "messages")
    await emitter.emit(Effects(hints=[push("a", n) for n in range(600)]))
    await eventually(lambda: sum(map(len, nodes.received["one"])) == 600)
    assert [len(pushes) for pushes in nodes.received["one"]] == [256, 256, 88]
    assert [one.n for pushes in nodes.received["one"] for one in pushes] == list(range(600))


async def test_node_that_is_heard_of_late_gets_what_was_pushed_a_moment_ago(log: MemoryLog, nodes: Nodes) -> None:
    emitter = LiveEmitter(log, nodes.bus, nodes.presence, Health(), "messages", recent=RecentPushes())
    await emitter.emit(Effects(hints=[push("a", 1), push("b", 1), push("a", 2)]))
    await nodes.node("one", "a")
    await emitter.resend("one", ["a", "c"])
    await eventually(lambda: bool(nodes.received["one"]))
    assert [[(one.conversation_id, one.n) for one in pushes] for pushes in nodes.received["one"]] == [
        [("a", 1), ("a", 2)]
    ]


async def test_pushes_that_cannot_be_sent_again_are_counted(log: MemoryLog, nodes: Nodes) -> None:
    health = Health()
    emitter = LiveEmitter(log, DownBus(), nodes.presence, health, "messages", recent=RecentPushes())
    await emitter.emit(Effects(hints=[push("a", 1)]))
    await emitter.resend("one", ["a"])
    assert health.counted["hints_lost"] == 1


async def test_unsent_hints_are_counted_and_block_nothing(log: MemoryLog, nodes: Nodes) -> None:
    health = Health()
    await LiveEmitter(log, DownBus(), nodes.presence, health, "messages").emit(Effects(hints=[push("a"), push("b")]))
    assert health.counted["hints_lost"] == 0  # no node has a participant
    await nodes.presence.alive("one", 60)
    await nodes.presence.enter("one", ["a"])
    await LiveEmitter(log, DownBus(), nodes.presence, health, "messages").emit(
        Effects([said("room", 1)], [push("a"), push("b")])
    )
    assert health.counted["hints_lost"] == 2
    assert len(log.storage.records[AT]) == 1


async def test_hints_are_tried_once_for_200_ms(log: MemoryLog, nodes: Nodes) -> None:
    health = Health()
    emitter = LiveEmitter(log, nodes.bus, HangingPresence(), health, "messages")
    async with asyncio.timeout(1):
        await emitter.emit(Effects(hints=[push("a")]))
    assert health.counted["hints_lost"] == 1
