"""A replay has no effects, is exact, and never goes beyond the live generation."""

import pytest

from core.ports.event_log import LogTruncated
from schemas.topics import MESSAGE_SENT, partition_of
from streams.rebuild.replay import Live, Replay, require_whole_log
from streams.runtime import lag
from streams.runtime.lag import ReadModelStalled
from tests.streams.world import ShortLog, World, said

AT = partition_of(MESSAGE_SENT, b"room")


def replaying(world: World, generation: int = 2) -> Replay:
    processor = world.fold(world.documents)
    return Replay(processor, world.log, world.documents, world.health, generation, progress=world.progress, limit=3)


def live(world: World) -> Live:
    return Live(world.fold(world.documents), world.log, world.documents, world.health, 1)


async def test_replay_has_no_effects_and_counts_its_records(world: World) -> None:
    await world.append(*(said("room", n) for n in range(10)))
    ends = {at: len(records) for at, records in world.log.storage.records.items()}
    one = replaying(world)
    await one.begin()
    assert one.left({AT: 8}) == 8
    await one.to({AT: 8})
    assert (one.records, one.offsets, one.left({AT: 8})) == (8, {AT: 8}, 0)
    assert world.progress_reports == [(3, 8), (6, 8), (8, 8)]
    assert {at: len(records) for at, records in world.log.storage.records.items()} == ends


async def test_second_replay_continues_at_the_offsets_of_the_generation(world: World) -> None:
    await world.append(*(said("room", n) for n in range(10)))
    for end in (4, 10):
        one = replaying(world)
        await one.begin()
        await one.to({AT: end})
    assert one.records == 6
    assert len((await world.rows(2))["messages"]) == 10


async def test_live_generation_is_at_its_checkpoints(world: World) -> None:
    await world.append(*(said("room", n) for n in range(10)))
    assert set((await live(world).offsets()).values()) == {0}
    async with world.working():
        assert (await live(world).wait_until_caught_up())[AT] == 10


async def test_stalled_live_generation_is_reported(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "STALLED_AFTER_S", 0.1)
    await world.append(said("room", 1))
    with pytest.raises(ReadModelStalled):
        await live(world).wait_until_caught_up()


async def test_log_without_its_beginning_is_named(world: World) -> None:
    log = ShortLog(world.log.storage)
    await log.start()
    with pytest.raises(LogTruncated, match=r"'message\.sent/2': 17"):
        await require_whole_log(world.fold(world.documents), log, world.health)
