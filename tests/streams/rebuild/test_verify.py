"""Verifying reports exactly the rows that differ from a fold of the log."""

import asyncio
from collections.abc import Sequence

import pytest

from core.ports.documents import TableGeneration
from core.ports.event_log import LogTruncated
from projections.stores.memory import MemoryDocuments
from streams.rebuild.compare import Difference
from streams.rebuild.verify import Verified, verify
from streams.runtime import lag
from streams.runtime.lag import ReadModelStalled
from tests.streams.rebuild.test_rebuild import chatting, filled, row_of
from tests.streams.world import HEADS, ROWS, ShortLog, World


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
