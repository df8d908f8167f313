"""The plain runner starts live from what is acknowledged, and bounded from what is saved."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from core.health import Health
from core.ports.documents import TableGeneration
from core.ports.effects import Durable, Effects
from core.ports.event_log import Received
from core.positions import position
from schemas.topics import MESSAGE_SENT, partition_of
from streams.processors.messages import Messages
from streams.runtime.lineage import acknowledged
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.worker import Worker
from tests.eventually import eventually
from tests.streams.world import ROWS, RecordingEmitter, World, said

AT = partition_of(MESSAGE_SENT, b"room")


@pytest.fixture
def world(either: World) -> World:
    """The world of each test here, once for each way of saving."""
    return either


async def test_runner_applies_old_and_new_records(world: World) -> None:
    await world.append(*(said("room", n) for n in range(5)))
    async with world.working():
        await world.passed()
        await world.append(said("room", 5))
        await eventually(lambda: len(world.emitter.pushes) == 6)


async def test_cancelled_runner_marks_what_is_acknowledged(world: World) -> None:
    await world.append(*(said("room", n) for n in range(5)))
    async with world.working():
        await world.passed()
        await eventually(lambda: len(world.emitter.pushes) == 5)
    marks = await world.documents.checkpoints(acknowledged("messages"), 1)
    assert marks[AT] == position(1, 5)


async def test_second_start_repeats_nothing(world: World) -> None:
    await world.append(*(said("room", n) for n in range(5)))
    for _ in range(2):
        async with world.working():
            await world.passed()
            await eventually(lambda: len(world.emitter.pushes) == 5)
    assert set(world.emitter.counted().values()) == {1}


class Stuck(RecordingEmitter):
    """An emitter that never returns."""

    async def emit(self, effects: object) -> None:
        await asyncio.Event().wait()


async def test_unemitted_effects_are_repeated_after_a_crash(world: World) -> None:
    await world.append(*(said("room", n) for n in range(5)))
    crashing = asyncio.create_task(world.runner(Stuck()).run(1))
    await world.passed()
    crashing.cancel()
    await asyncio.wait([crashing])
    async with world.working():
        await eventually(lambda: len(world.emitter.pushes) == 5)


class Slow(RecordingEmitter):
    """An emitter whose effects are not durable before `durable` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.durable = asyncio.Event()

    async def begin(self, effects: Effects) -> Durable:
        await self.emit(effects)
        return self._until_durable

    async def _until_durable(self) -> None:
        await self.durable.wait()


async def marked(world: World) -> int:
    """Return how many records of the room are marked as emitted."""
    return (await world.documents.checkpoints(acknowledged("messages"), 1)).get(AT, position(1, 0)) - position(1, 0)


async def test_next_batch_begins_before_the_effects_of_the_last_are_durable(world: World) -> None:
    slow = Slow()
    running = asyncio.create_task(world.runner(slow).run(1))
    for n in range(3):
        await world.append(said("room", n))
        await eventually(lambda n=n: len(slow.pushes) == n + 1)
    await eventually(lambda: recorded(world))
    await asyncio.sleep(0)
    assert await marked(world) == 0
    slow.durable.set()
    await eventually(lambda: is_marked(world, 3))
    running.cancel()
    await asyncio.wait([running])


async def is_marked(world: World, count: int) -> bool:
    return await marked(world) == count


async def test_effects_that_are_not_durable_at_the_end_are_repeated(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.runtime.plain_runner.EMIT_AT_LAST_S", 0.05)
    slow = Slow()
    running = asyncio.create_task(world.runner(slow).run(1))
    await world.append(*(said("room", n) for n in range(3)))
    await eventually(lambda: len(slow.pushes) == 3)
    running.cancel()
    await asyncio.wait([running])
    assert await marked(world) == 0
    async with world.working():
        await eventually(lambda: len(world.emitter.pushes) == 3)


async def test_store_outage_at_the_end_does_not_hide_the_cancellation(world: World) -> None:
    async with world.working() as task:
        await eventually(lambda: recorded(world))
        world.documents.down = True
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def recorded(world: World) -> bool:
    return (await world.pointer()).version > 0


async def test_store_restored_from_an_older_backup_catches_up(world: World) -> None:
    """Its checkpoints and rows went back while no worker ran."""
    await world.append(*(said("room", n) for n in range(5)))
    async with world.working():
        await world.passed()
        await eventually(lambda: len(world.emitter.pushes) == 5)
    world.documents.forget("messages", 1)
    async with world.working():
        await world.append(said("room", 5))
        await world.passed()
    assert sorted(row["sent"]["n"] for row in (await world.rows(1))["messages"].values()) == [1, 2, 3, 4, 5, 6]


async def test_replay_reads_exactly_up_to_its_bound_and_continues_from_there(world: World) -> None:
    await world.append(*(said("room", n) for n in range(10)))
    runner, counted = world.runner(limit=3), list[int]()
    await runner.replay(2, {AT: 4}, counted.append)
    assert await world.documents.checkpoints("messages", 2) == {AT: position(1, 4)}
    await runner.replay(2, {AT: 4}, counted.append)
    await runner.replay(2, {AT: 7}, counted.append)
    assert sum(counted) == 7
    assert len((await world.rows(2))["messages"]) == 7


async def test_rows_that_contradict_their_heads_block_the_runner(world: World) -> None:
    await world.append(said("room", 0))
    async with world.working():
        await world.passed()
    [row_id] = (await world.rows(1))["messages"]
    world.documents.lose_row(TableGeneration(ROWS, 1), row_id)
    await world.documents.drop([], (acknowledged("messages"), 1))
    await world.documents.drop([], ("messages", 1))
    async with world.working():
        await eventually(lambda: "has no row" in world.health.waiting.get("messages: rows", ""))
        assert await world.documents.checkpoints("messages", 1) == {}, "nothing was applied after the gap"


async def test_runner_that_lingers_gathers_a_batch(world: World) -> None:
    applied: list[int] = []

    class Counting(Worker):
        async def begin_batch(self, received: Sequence[Received]) -> Durable:
            applied.append(len(received))
            return await super().begin_batch(received)

    worker = Counting(Messages(world.documents), world.documents, world.emitter, Health())
    runner = PlainRunner(worker, world.log, world.documents, Health(), linger_s=0.2)
    running = asyncio.create_task(runner.run(1))
    await world.append(said("room", 0))
    await eventually(lambda: applied == [1])
    for n in range(1, 6):
        await world.append(said("room", n))
    await eventually(lambda: applied == [1, 5])
    running.cancel()
    await asyncio.wait([running])


async def test_runner_that_rests_leaves_the_thread_to_others(world: World) -> None:
    loop, times = asyncio.get_running_loop(), list[tuple[float, float]]()

    class Slow(Worker):
        async def begin_batch(self, received: Sequence[Received]) -> Durable:
            began = loop.time()
            await asyncio.sleep(0.02)
            durable = await super().begin_batch(received)
            times.append((began, loop.time()))
            return durable

    for n in range(3):
        await world.append(said("room", n))
    worker = Slow(Messages(world.documents), world.documents, world.emitter, Health())
    running = asyncio.create_task(PlainRunner(worker, world.log, world.documents, Health(), 1, rests=3.0).run(1))
    await eventually(lambda: len(times) == 3)
    running.cancel()
    await asyncio.wait([running])
    for (began, ended), (following, _) in pairwise(times):
        assert following - ended >= 2.9 * (ended - began)
