"""Who waits for a read model is told of a standstill, and of an outage is not."""

import asyncio

import pytest

from core.health import Health
from core.ports.documents import Changes, Checkpoint
from core.ports.event_log import Unavailable
from core.positions import position
from projections.stores.memory import MemoryDocuments
from schemas.topics import MESSAGE_SENT, Partition, partition_of
from streams.log.memory import MemoryLog
from streams.rebuild.replay import Live
from streams.runtime import lag
from streams.runtime.lag import StandsStill, passed
from tests.eventually import eventually
from tests.streams.world import World, said

AT = partition_of(MESSAGE_SENT, b"room")
PATIENCE_S = 0.3


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "STANDS_STILL_S", PATIENCE_S)
    monkeypatch.setattr(lag, "OUTAGE_S", PATIENCE_S / 10)


class Away(MemoryDocuments):
    """Documents whose server can be away."""

    away = False

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        if self.away:
            raise Unavailable("the store is down")
        return await super().checkpoints(processor, generation)


class AwayLog(MemoryLog):
    """A log whose server can be away."""

    away = False

    async def ends(self, partitions: object) -> dict[Partition, int]:
        if self.away:
            raise Unavailable("the log is down")
        return await super().ends(partitions)  # type: ignore[arg-type]


def live(world: World, log: MemoryLog, documents: MemoryDocuments) -> Live:
    return Live(world.fold(documents), log, documents, world.health, 1)


async def test_a_standstill_names_the_model_how_far_it_is_behind_and_what_to_do(world: World) -> None:
    await world.append(*(said("room", n) for n in range(12)))
    looks: list[tuple[str, int]] = []
    with pytest.raises(StandsStill) as told:
        await live(world, world.log, world.documents).passed(lambda model, records: looks.append((model, records)))
    assert str(told.value) == (
        "messages stands still 12 records behind the log: does its worker run? `caas worker messages`"
    )
    assert set(looks) == {("messages", 12)}


async def test_one_that_moves_however_slowly_is_waited_for() -> None:
    """Each step takes almost all of the patience, all of them take much more."""
    stood, looks = 0, 0

    async def stands() -> dict[Partition, int]:
        nonlocal stood, looks
        looks += 1
        stood += looks % int(PATIENCE_S / lag.POLL_S / 2) == 0
        return {AT: stood}

    async def ends() -> dict[Partition, int]:
        return {AT: 4}

    assert await passed("messages", stands, ends) == {AT: 4}


async def test_what_is_appended_meanwhile_is_not_waited_for(world: World) -> None:
    looks: list[int] = []
    await world.append(said("room", 1))
    waiting = asyncio.create_task(
        live(world, world.log, world.documents).passed(lambda _, records: looks.append(records))
    )
    await eventually(lambda: len(looks) > 1)
    await world.append(said("room", 2))
    await world.documents.save(checkpoint(1))
    assert (await waiting)[AT] == 1
    assert (set(looks[:-1]), looks[-1]) == ({1}, 0)


def checkpoint(offset: int) -> Changes:
    return Changes([], [], Checkpoint("messages", 1, {AT: position(1, offset)}))


async def test_an_outage_of_the_store_is_waited_out_and_said(world: World) -> None:
    documents = Away()
    await documents.start([])
    await world.append(said("room", 1))
    looks: list[int] = []
    waiting = asyncio.create_task(live(world, world.log, documents).passed(lambda _, records: looks.append(records)))
    await eventually(lambda: len(looks) > 1)
    documents.away = True
    await eventually(lambda: "messages: live checkpoints" in world.health.waiting)
    await asyncio.wait([waiting], timeout=3 * PATIENCE_S)
    assert not waiting.done()
    documents.away, seen = False, len(looks)
    await eventually(lambda: len(looks) > seen + 1)
    await documents.save(checkpoint(1))
    assert (await asyncio.wait_for(waiting, 5))[AT] == 1


async def test_a_worker_that_cannot_read_the_log_does_not_stand_still() -> None:
    """Its checkpoints do not move while the log is away; then it has the whole patience again."""
    log, health, world = AwayLog(), Health(), World()
    await log.start()
    await log.append(said("room", 1))
    waiting = asyncio.create_task(Live(world.fold(world.documents), log, world.documents, health, 1).passed())
    looked = asyncio.get_running_loop().time()
    await asyncio.sleep(0)
    log.away = True
    await eventually(lambda: "messages: ends" in health.waiting)
    assert asyncio.get_running_loop().time() - looked >= PATIENCE_S
    assert not waiting.done()
    log.away = False
    await eventually(lambda: not health.waiting)
    await world.documents.save(checkpoint(1))
    assert (await asyncio.wait_for(waiting, 5))[AT] == 1
