"""A batch is worked whole, and what nobody gives is read from the log."""

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
LOOK_S = 0.02


class Given:
    """A worker that is given what a test gives it, of a log with six messages."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.worker = Worker(Messages(world.documents), world.documents, world.kept, world.health)
        self.places = partitions(*self.worker.processor.topics)
        self.looks = 0
        self.whole = GapFiller(Gate(self.worker, lambda: self.places), self.worker, world.log, LOOK_S)

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
        def looks() -> bool:
            self.looks += 1
            return idle

        watch = asyncio.create_task(self.whole.watch(lambda: self.places, looks))
        try:
            yield
            assert not watch.done()
        finally:
            watch.cancel()
            await asyncio.wait([watch])


async def test_records_that_were_left_out_are_read_from_the_log(world: World) -> None:
    given = Given(world)
    records = await given.begin()
    await given.whole.work([records[0]])
    await given.whole.work([records[3], records[5]])
    assert await given.numbers() == [1, 2, 3, 4, 5, 6]
    assert (await given.worker.saved())[AT] == 6


async def test_what_lies_in_the_log_and_is_never_given_is_read_without_a_next_record(world: World) -> None:
    given = Given(world)
    records = await given.begin()
    await given.whole.work([records[0]])

    async def all_there() -> bool:
        return await given.numbers() == [1, 2, 3, 4, 5, 6]

    async with given.watched():
        await eventually(all_there)
    assert world.health.counted["messages_overlooked"] == 1
    assert [push.n for push in world.kept.pushes] == [1, 2, 3, 4, 5, 6]


async def test_while_something_given_waits_nothing_is_read_from_the_log(world: World) -> None:
    given = Given(world)
    await given.begin()
    async with given.watched(idle=False):
        await eventually(lambda: given.looks > 5)
    assert await given.numbers() == []


async def test_a_store_that_is_as_the_log_is_left_alone(world: World) -> None:
    given = Given(world)
    await given.whole.work(await given.begin())
    async with given.watched():
        await eventually(lambda: given.looks > 5)
    assert world.health.counted["messages_overlooked"] == 0


class Reborn(TrackedDocuments):
    """Its line breaks once, right behind a save that was done."""

    def __init__(self, documents: Documents) -> None:
        super().__init__(documents)
        self.broken = 0

    @property
    def life(self) -> int:
        return self.broken

    async def save(self, changes: Changes) -> frozenset[str]:
        base = None if changes.base is None else replace(changes.base, life=0)
        made = await super().save(replace(changes, base=base))
        if not self.broken:
            self.broken = 1
            raise Unavailable("the line broke before the answer came")
        return made


class Broken:
    """Records in the log, and a worker whose line to the store breaks once."""

    def __init__(self, world: World) -> None:
        documents = Reborn(world.documents)
        self.world = world
        self.worker = Worker(Messages(documents), documents, world.kept, world.health)
        self.places = partitions(*self.worker.processor.topics)
        self.whole = GapFiller(Gate(self.worker, lambda: self.places), self.worker, world.log, LOOK_S)

    async def begin(self, count: int) -> Sequence[Received]:
        """What the log has."""
        for n in range(count):
            await self.world.log.append(said(ROOM, n))
        await self.worker.begin(1, self.world.log.epoch)
        return [one async for batch in self.world.log.read({AT: 0}, {AT: count}) for one in batch]

    def told(self) -> list[int]:
        return [push.n for push in self.world.kept.pushes]


@pytest.mark.parametrize("left_out", [0, 3])
async def test_what_was_saved_as_the_line_broke_is_emitted_all_the_same(world: World, left_out: int) -> None:
    broken = Broken(world)
    await broken.whole.work((await broken.begin(4))[left_out:])
    assert broken.told() == [1, 2, 3, 4]


async def test_what_nobody_gave_and_was_saved_as_the_line_broke_is_emitted_all_the_same(world: World) -> None:
    broken = Broken(world)
    await broken.begin(3)
    watching = asyncio.create_task(broken.whole.watch(lambda: broken.places, lambda: True))
    await eventually(lambda: broken.told() == [1, 2, 3])
    watching.cancel()
    await asyncio.wait([watching])
