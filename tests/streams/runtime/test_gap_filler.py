"""A batch is applied without gaps, and undelivered records are read from the log."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from core.ports.documents import Changes, Documents, TableGeneration
from core.ports.event_log import Received, Unavailable
from projections.messages import message_rows
from schemas.topics import partition_of, partitions
from streams.processors.messages import Messages
from streams.rebuild.write_tracking import TrackedDocuments
from streams.runtime.gap_filler import GapFiller
from streams.runtime.gate import Gate
from streams.runtime.worker import Worker
from tests.eventually import eventually
from tests.streams.world import World, said

ROOM = "6f1d1f8a-0000-5000-8000-000000000001"
AT = partition_of("message.sent", ROOM.encode())
CHECK_INTERVAL_S = 0.02


async def work(filler: GapFiller, records: Sequence[Received]) -> None:
    """Apply these records, and wait until their effects are durable."""
    durable = await filler.begin_batch(records)
    await durable()


class Scenario:
    """A worker, a log with six messages, and a gap filler that the test feeds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.worker = Worker(Messages(world.documents), world.documents, world.emitter, world.health)
        self.places = partitions(*self.worker.processor.topics)
        self.checks = 0
        self.filler = GapFiller(Gate(self.worker, lambda: self.places), self.worker, world.log, CHECK_INTERVAL_S)

    async def begin(self) -> Sequence[Received]:
        for n in range(6):
            await self.world.log.append(said(ROOM, n))
        await self.worker.begin(1, self.world.log.epoch)
        async for batch in self.world.log.read({AT: 0}, {AT: 6}, limit=10):
            return batch
        raise AssertionError

    async def numbers(self) -> list[int]:
        rows = await self.world.documents.find(TableGeneration(message_rows.ROWS, 1), "sent", [ROOM], limit=10)
        return [row["sent"]["n"] for row in rows]

    @asynccontextmanager
    async def watched(self, *, idle: bool = True) -> AsyncIterator[None]:
        def checks() -> bool:
            self.checks += 1
            return idle

        watch = asyncio.create_task(self.filler.watch(lambda: self.places, checks))
        try:
            yield
            assert not watch.done()
        finally:
            watch.cancel()
            await asyncio.wait([watch])


async def test_omitted_records_are_read_from_the_log(world: World) -> None:
    scenario = Scenario(world)
    records = await scenario.begin()
    await work(scenario.filler, [records[0]])
    await work(scenario.filler, [records[3], records[5]])
    assert await scenario.numbers() == [1, 2, 3, 4, 5, 6]
    assert (await scenario.worker.saved())[AT] == 6


async def test_undelivered_records_are_read_without_a_next_record(world: World) -> None:
    scenario = Scenario(world)
    records = await scenario.begin()
    await work(scenario.filler, [records[0]])

    async def all_there() -> bool:
        return await scenario.numbers() == [1, 2, 3, 4, 5, 6]

    async with scenario.watched():
        await eventually(all_there)
    assert world.health.counted["messages_overlooked"] == 1
    assert [push.n for push in world.emitter.pushes] == [1, 2, 3, 4, 5, 6]


async def test_log_is_not_read_while_delivered_records_wait(world: World) -> None:
    scenario = Scenario(world)
    await scenario.begin()
    async with scenario.watched(idle=False):
        await eventually(lambda: scenario.checks > 5)
    assert await scenario.numbers() == []


async def test_up_to_date_store_is_not_read_again(world: World) -> None:
    scenario = Scenario(world)
    await work(scenario.filler, await scenario.begin())
    async with scenario.watched():
        await eventually(lambda: scenario.checks > 5)
    assert world.health.counted["messages_overlooked"] == 0


class RestartingDocuments(TrackedDocuments):
    """Documents whose connection breaks once, directly after a save."""

    def __init__(self, documents: Documents) -> None:
        super().__init__(documents)
        self.restarts = 0

    @property
    def life(self) -> int:
        return self.restarts

    async def save(self, changes: Changes) -> frozenset[str]:
        base = None if changes.base is None else replace(changes.base, life=0)
        made = await super().save(replace(changes, base=base))
        if not self.restarts:
            self.restarts = 1
            raise Unavailable("the connection broke before the answer came")
        return made


class BrokenConnection:
    """Records in the log, and a worker whose connection to the store breaks once."""

    def __init__(self, world: World) -> None:
        documents = RestartingDocuments(world.documents)
        self.world = world
        self.worker = Worker(Messages(documents), documents, world.emitter, world.health)
        self.places = partitions(*self.worker.processor.topics)
        self.filler = GapFiller(Gate(self.worker, lambda: self.places), self.worker, world.log, CHECK_INTERVAL_S)

    async def begin(self, count: int) -> Sequence[Received]:
        """Append records, and return what the log has."""
        for n in range(count):
            await self.world.log.append(said(ROOM, n))
        await self.worker.begin(1, self.world.log.epoch)
        return [one async for batch in self.world.log.read({AT: 0}, {AT: count}) for one in batch]

    def pushed_numbers(self) -> list[int]:
        return [push.n for push in self.world.emitter.pushes]


@pytest.mark.parametrize("left_out", [0, 3])
async def test_records_saved_as_the_connection_broke_are_emitted(world: World, left_out: int) -> None:
    connection = BrokenConnection(world)
    await work(connection.filler, (await connection.begin(4))[left_out:])
    assert connection.pushed_numbers() == [1, 2, 3, 4]


async def test_undelivered_records_saved_as_the_connection_broke_are_emitted(world: World) -> None:
    connection = BrokenConnection(world)
    await connection.begin(3)
    watching = asyncio.create_task(connection.filler.watch(lambda: connection.places, lambda: True))
    await eventually(lambda: connection.pushed_numbers() == [1, 2, 3])
    watching.cancel()
    await asyncio.wait([watching])
