"""A replay is silent, exact and never beyond the live generation."""

import pytest

from core.ports.event_log import LogTruncated
from schemas.topics import MESSAGE_SENT, partition_of
from streams.rebuild.replay import Live, Replay, needs_all
from streams.runtime import lag
from streams.runtime.lag import StandsStill
from tests.streams.world import ShortLog, World, said

AT = partition_of(MESSAGE_SENT, b"room")


def replaying(world: World, generation: int = 2) -> Replay:
    processor = world.fold(world.documents)
    return Replay(processor, world.log, world.documents, world.health, generation, told=world.progress, limit=3)


def live(world: World) -> Live:
    return Live(world.fold(world.documents), world.log, world.documents, world.health, 1)


async def test_it_has_no_effects_in_the_log_and_counts_what_it_read(world: World) -> None:
    await world.append(*(said("room", n) for n in range(10)))
    ends = {at: len(records) for at, records in world.log.held.records.items()}
    one = replaying(world)
    await one.begin()
    assert one.left({AT: 8}) == 8
    await one.to({AT: 8})
    assert (one.records, one.stands, one.left({AT: 8})) == (8, {AT: 8}, 0)
    assert world.told == [(3, 8), (6, 8), (8, 8)]
    assert {at: len(records) for at, records in world.log.held.records.items()} == ends


async def test_another_replay_of_the_generation_goes_on_where_it_stands(world: World) -> None:
    await world.append(*(said("room", n) for n in range(10)))
    for end in (4, 10):
        one = replaying(world)
        await one.begin()
        await one.to({AT: end})
    assert one.records == 6
    assert len((await world.rows(2))["messages"]) == 10


async def test_the_live_generation_stands_where_its_checkpoints_are(world: World) -> None:
    await world.append(*(said("room", n) for n in range(10)))
    assert set((await live(world).stands()).values()) == {0}
    async with world.working():
        assert (await live(world).passed())[AT] == 10


async def test_a_live_generation_that_stands_still_behind_the_log_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag, "STANDS_STILL_S", 0.1)
    await world.append(said("room", 1))
    with pytest.raises(StandsStill):
        await live(world).passed()


async def test_a_log_without_its_beginning_is_named(world: World) -> None:
    log = ShortLog(world.log.held)
    await log.start()
    with pytest.raises(LogTruncated, match=r"'message\.sent/2': 17"):
        await needs_all(world.fold(world.documents), log, world.health)
