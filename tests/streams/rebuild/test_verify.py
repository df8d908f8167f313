"""Verifying reports exactly the rows that differ from a fold of the log."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
import pytest

from core.health import Health
from core.ports.documents import TableGeneration
from core.ports.event_log import LogTruncated, Received
from projections.stores.memory import MemoryDocuments
from projections.trace import trace_rows
from schemas.topics import DAY_MS, Partition, partitions
from streams.log.memory import MemoryLog
from streams.processors.trace import Trace
from streams.rebuild.compare import Difference
from streams.rebuild.verify import Verified, verify
from streams.runtime import lag
from streams.runtime.lag import ReadModelStalled
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.row_expiry import RowExpiry
from streams.runtime.worker import Worker
from tests.streams.rebuild.test_rebuild import chatting, filled, row_of
from tests.streams.world import HEADS, ROWS, RecordingEmitter, ShortLog, World, said


async def verified(world: World) -> Verified:
    async with asyncio.timeout(60):
        return await verify(world.fold, world.log, world.documents, 1, scratch=MemoryDocuments(), health=world.health)


async def differences(world: World) -> Sequence[Difference]:
    return (await verified(world)).differences


async def test_unchanged_rows_are_equal_while_people_chat(world: World) -> None:
    await filled(world)
    async with world.working(), chatting(world):
        await world.passed()
        found = await verified(world)
    assert (found.differing, found.differences) == (0, ())
    assert found.rows > 300


async def test_manually_changed_row_is_reported_with_its_facet(world: World) -> None:
    await filled(world)
    async with world.working(), chatting(world):
        await world.passed()
        world.documents.change(TableGeneration(ROWS, 1), row_of(100_002), "edited", n=77)
        [difference] = await differences(world)
    assert (difference.table, difference.id, difference.what) == ("messages", row_of(100_002), "edited")
    assert difference.expected["n"] != difference.found["n"] == 77
    assert row_of(100_002) in str(difference)


async def test_removed_row_and_a_moved_head_are_named(world: World) -> None:
    await filled(world, 30)
    async with world.working():
        await world.passed()
        world.documents.lose_row(TableGeneration(ROWS, 1), row_of(100_004))
        world.documents.change(TableGeneration(HEADS, 1), "room 2", "sent", pos=2**50)
        found = await differences(world)
    assert [(one.table, one.id, one.what) for one in found] == [
        ("heads", "room 2", "sent"),
        ("messages", row_of(100_004), "row"),
    ]


async def test_differing_rows_are_counted(world: World) -> None:
    await filled(world, 350)
    async with world.working():
        await world.passed()
        for n in range(100_000, 100_300):
            world.documents.lose_row(TableGeneration(ROWS, 1), row_of(n))
        found = await verified(world)
    assert (found.differing, len(found.differences)) == (300, 100)


async def test_log_without_its_beginning_is_refused(world: World) -> None:
    world.log = ShortLog(world.log.storage)
    await world.log.start()
    with pytest.raises(LogTruncated, match=r"message\.sent/2"):
        await verified(world)


async def test_generation_without_a_worker_is_reported(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "STALLED_AFTER_S", 0.1)
    await filled(world, 30)
    with pytest.raises(ReadModelStalled):
        await verified(world)


class DatedLog(MemoryLog):
    """A log that got each record a day after the one before it."""

    async def read(
        self, start: Mapping[Partition, int], until: Mapping[Partition, int] | None = None, *, limit: int = 1000
    ) -> AsyncIterator[Sequence[Received]]:
        async for batch in super().read(start, until, limit=limit):
            yield [msgspec.structs.replace(one, timestamp_ms=(one.offset + 1) * DAY_MS) for one in batch]


async def test_trace_whose_old_rows_were_removed_is_equal() -> None:
    log, documents, health = DatedLog(), MemoryDocuments(), Health()
    await log.start()
    for n in range(40):
        await log.append(said("room", n))
    runner = PlainRunner(Worker(Trace(documents), documents, RecordingEmitter(), health), log, documents, health)
    await runner.replay(1, {at: end for at, end in (await log.end_offsets(partitions(*Trace.topics))).items() if end})
    expiry = RowExpiry(documents, health, trace_rows.RECORDS, 30, lambda: 41 * DAY_MS / 1000)

    async def compared() -> Verified:
        return await verify(Trace, log, documents, 1, scratch=MemoryDocuments(), health=health)

    assert await expiry.remove_some() == 10
    assert (await compared()).differing == 0
    place = TableGeneration(trace_rows.RECORDS, 1)
    [youngest] = await documents.find(place, "age", (), limit=1, reverse=True)
    await documents.remove(place, [youngest["_id"]])
    assert [one.id for one in (await compared()).differences] == [youngest["_id"]]
