"""The gate pauses a live worker on request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from core.positions import position
from projections.generations import Pause, Pointer, read_pointer, replace_pointer
from schemas.topics import MESSAGE_SENT, TOPICS, Partition
from streams.processors.messages import Messages
from streams.runtime.gate import POLL_S, Gate, confirmation_of
from streams.runtime.worker import StoreBehindLog, Worker
from tests.eventually import eventually
from tests.streams.world import World, said, stored

AT = Partition(MESSAGE_SENT, 0)
PLACES = TOPICS[MESSAGE_SENT].all_partitions()


class Gated:
    """One worker with its gate, and the pointer that it reads."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.assigned: list[Partition] = [AT]
        self.all_emitted = True
        self.worker = world.worker()
        self.gate = Gate(self.worker, lambda: self.assigned, lambda: self.all_emitted)

    async def set(self, **fields: object) -> Pointer:
        while True:
            old = await read_pointer(self.world.documents, "messages")
            new = msgspec.structs.replace(old, **fields)
            if await replace_pointer(self.world.documents, "messages", new, old):
                return new

    async def confirmed(self, request: str, at: Partition = AT) -> int:
        confirmation = await self.world.documents.pointer(confirmation_of("messages", at))
        assert confirmation is not None and confirmation["request"] == request
        return int(confirmation["position"])

    async def work(self, n: int) -> None:
        await self.gate.work([stored(said("room", n), n)])


@pytest.fixture
async def gated(either: World) -> AsyncIterator[Gated]:
    gated = Gated(either)
    await gated.worker.begin(1, epoch=1)
    async with watched(gated):
        await eventually(lambda: recorded(gated))
        yield gated


async def recorded(gated: Gated) -> bool:
    return (await gated.world.pointer()).version == Messages.version


@asynccontextmanager
async def watched(gated: Gated) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(gated.gate.watch(), name="watch")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def assert_waiting(task: "asyncio.Task[None]") -> None:
    assert not task.done()


async def test_pause_is_confirmed_with_the_position_after_the_last_saved_record(gated: Gated) -> None:
    await gated.work(0)
    await gated.work(1)
    await gated.set(pause=Pause(request="r", seconds=5))
    assert await eventually(lambda: gated.confirmed("r")) == position(1, 2)


async def test_only_assigned_partitions_are_confirmed(gated: Gated) -> None:
    gated.assigned = list(PLACES[:3])
    await gated.set(pause=Pause(request="r", seconds=5))
    assert await eventually(lambda: gated.confirmed("r", PLACES[2])) == position(1, 0)
    assert [await gated.confirmed("r", at) for at in PLACES[:2]] == [position(1, 0)] * 2
    assert await gated.world.documents.pointer(confirmation_of("messages", PLACES[3])) is None


async def test_closed_gate_blocks_batches_until_the_pause_is_withdrawn(
    gated: Gated,
) -> None:
    await gated.set(pause=Pause(request="r", seconds=5))
    await eventually(lambda: gated.confirmed("r"))
    working = asyncio.create_task(gated.work(0))
    await asyncio.wait([working], timeout=0.2)
    assert_waiting(working)
    assert gated.world.emitter.pushes == []
    await gated.set(pause=None)
    await working
    assert [push.generation for push in gated.world.emitter.pushes] == [1]


async def test_pause_waits_for_the_current_batch(gated: Gated) -> None:
    await gated.work(0)
    gated.world.documents.down = True
    working = asyncio.create_task(gated.work(1))
    await eventually(lambda: "messages" in gated.world.health.waiting)
    gated.world.documents.down = False
    await gated.set(pause=Pause(request="r", seconds=5))
    assert await eventually(lambda: gated.confirmed("r")) == position(1, 2)
    await working


async def test_worker_continues_in_the_new_generation_after_a_switch(gated: Gated) -> None:
    await gated.work(0)
    other = Worker(Messages(gated.world.documents), gated.world.documents, gated.world.emitter, gated.world.health)
    await other.begin(2, epoch=1)
    await other.work([stored(said("room", 0), 0)])
    await gated.set(pause=Pause(request="r", seconds=5))
    await eventually(lambda: gated.confirmed("r"))
    await gated.set(pause=None, live=2)
    await gated.work(1)
    assert gated.worker.generation == 2
    assert gated.world.emitter.pushes[-1].generation == 2 and gated.world.emitter.pushes[-1].n == 2


async def test_worker_ahead_of_the_new_generation_has_to_start_again(world: World) -> None:
    gated = Gated(world)
    await gated.worker.begin(1, epoch=1)
    async with watched(gated) as watch:
        await gated.work(0)
        await gated.set(live=2)
        with pytest.raises(StoreBehindLog):
            await asyncio.wait_for(watch, 5)


async def test_pointer_is_read_before_the_first_batch_of_an_assignment(world: World) -> None:
    gated = Gated(world)
    await gated.worker.begin(1, epoch=1)
    await gated.work(0)
    await gated.set(pause=Pause(request="r", seconds=5))
    gated.assigned = list(PLACES[:2])
    working = asyncio.create_task(gated.work(1))
    await eventually(lambda: gated.confirmed("r", PLACES[1]))
    assert_waiting(working)
    await gated.set(pause=None)
    await working


async def test_expired_pause_is_withdrawn(gated: Gated) -> None:
    await gated.set(pause=Pause(request="r", seconds=0.2))
    await eventually(lambda: gated.confirmed("r"))
    await asyncio.wait_for(gated.work(0), 5)
    assert (await gated.world.pointer()).pause is None
    assert gated.world.health.counted["messages_pauses_taken_back"] == 1


async def test_pause_waits_until_effects_are_durable_and_lets_no_batch_begin(gated: Gated) -> None:
    durable = await gated.gate.begin_batch([stored(said("room", 0), 0)])
    await gated.set(pause=Pause(request="one", seconds=60))
    await asyncio.sleep(2 * POLL_S)
    next_batch = asyncio.create_task(gated.work(1))
    await asyncio.sleep(2 * POLL_S)
    assert await gated.world.documents.pointer(confirmation_of("messages", AT)) is None
    await durable()
    assert await eventually(lambda: gated.confirmed("one")) == position(1, 1)
    assert_waiting(next_batch)
    await gated.set(pause=None)
    await next_batch


async def test_gate_stays_open_until_everything_saved_is_emitted(gated: Gated) -> None:
    gated.all_emitted = False
    await gated.set(pause=Pause(request="r", seconds=5))
    await asyncio.wait_for(gated.work(0), 5)
    assert await gated.world.documents.pointer(confirmation_of("messages", AT)) is None
    gated.all_emitted = True
    assert await eventually(lambda: gated.confirmed("r")) == position(1, 1)


async def test_gate_stays_closed_during_an_outage(gated: Gated) -> None:
    await gated.set(pause=Pause(request="r", seconds=0.2))
    await eventually(lambda: gated.confirmed("r"))
    gated.world.documents.down = True
    working = asyncio.create_task(gated.work(0))
    await asyncio.wait([working], timeout=0.5)
    assert_waiting(working)
    assert "messages: pointer" in gated.world.health.waiting
    gated.world.documents.down = False
    await asyncio.wait_for(working, 5)
    assert gated.world.health.ready
