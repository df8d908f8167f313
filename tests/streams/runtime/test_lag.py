"""Waiting for a read model reports a stall, and waits out an outage."""

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
from streams.runtime.lag import ReadModelStalled, wait_until_caught_up
from tests.eventually import eventually
from tests.streams.world import World, said

AT = partition_of(MESSAGE_SENT, b"room")
STALL_S = 0.3


@pytest.fixture(autouse=True)
def short_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "STALLED_AFTER_S", STALL_S)
    monkeypatch.setattr(lag, "OUTAGE_S", STALL_S / 10)


class UnavailableDocuments(MemoryDocuments):
    """Documents whose server can be unavailable."""

    unavailable = False

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        if self.unavailable:
            raise Unavailable("the store is down")
        return await super().checkpoints(processor, generation)


class UnavailableLog(MemoryLog):
    """A log whose server can be unavailable."""

    unavailable = False

    async def end_offsets(self, partitions: object) -> dict[Partition, int]:
        if self.unavailable:
            raise Unavailable("the log is down")
        return await super().end_offsets(partitions)  # type: ignore[arg-type]


def live_generation(world: World, log: MemoryLog, documents: MemoryDocuments) -> Live:
    return Live(world.fold(documents), log, documents, world.health, 1)


async def test_stall_error_has_the_model_its_lag_and_advice(world: World) -> None:
    await world.append(*(said("room", n) for n in range(12)))
    checks: list[tuple[str, int]] = []
    with pytest.raises(ReadModelStalled) as raised:
        await live_generation(world, world.log, world.documents).wait_until_caught_up(
            lambda model, records: checks.append((model, records))
        )
    assert str(raised.value) == (
        "messages stands still 12 records behind the log: does its worker run? `caas worker messages`"
    )
    assert set(checks) == {("messages", 12)}


async def test_slow_read_model_is_waited_for() -> None:
    """Each step takes almost the whole limit, all of them take much more."""
    offset, checks = 0, 0

    async def read_offsets() -> dict[Partition, int]:
        nonlocal offset, checks
        checks += 1
        offset += checks % int(STALL_S / lag.POLL_S / 2) == 0
        return {AT: offset}

    async def read_ends() -> dict[Partition, int]:
        return {AT: 4}

    assert await wait_until_caught_up("messages", read_offsets, read_ends) == {AT: 4}


async def test_records_appended_meanwhile_are_not_waited_for(world: World) -> None:
    checks: list[int] = []
    await world.append(said("room", 1))
    waiting = asyncio.create_task(
        live_generation(world, world.log, world.documents).wait_until_caught_up(
            lambda _, records: checks.append(records)
        )
    )
    await eventually(lambda: len(checks) > 1)
    await world.append(said("room", 2))
    await world.documents.save(checkpoint(1))
    assert (await waiting)[AT] == 1
    assert (set(checks[:-1]), checks[-1]) == ({1}, 0)


def checkpoint(offset: int) -> Changes:
    return Changes([], [], Checkpoint("messages", 1, {AT: position(1, offset)}))


async def test_outage_of_the_store_is_waited_out_and_reported(world: World) -> None:
    documents = UnavailableDocuments()
    await documents.start([])
    await world.append(said("room", 1))
    checks: list[int] = []
    waiting = asyncio.create_task(
        live_generation(world, world.log, documents).wait_until_caught_up(lambda _, records: checks.append(records))
    )
    await eventually(lambda: len(checks) > 1)
    documents.unavailable = True
    await eventually(lambda: "messages: live checkpoints" in world.health.waiting)
    await asyncio.wait([waiting], timeout=3 * STALL_S)
    assert not waiting.done()
    documents.unavailable, seen = False, len(checks)
    await eventually(lambda: len(checks) > seen + 1)
    await documents.save(checkpoint(1))
    assert (await asyncio.wait_for(waiting, 5))[AT] == 1


async def test_log_outage_is_not_a_stall() -> None:
    """Its checkpoints do not move while the log is unavailable; then it has the whole limit again."""
    log, health, world = UnavailableLog(), Health(), World()
    await log.start()
    await log.append(said("room", 1))
    waiting = asyncio.create_task(
        Live(world.fold(world.documents), log, world.documents, health, 1).wait_until_caught_up()
    )
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(0)
    log.unavailable = True
    await eventually(lambda: "messages: ends" in health.waiting)
    assert asyncio.get_running_loop().time() - began >= STALL_S
    assert not waiting.done()
    log.unavailable = False
    await eventually(lambda: not health.waiting)
    await world.documents.save(checkpoint(1))
    assert (await asyncio.wait_for(waiting, 5))[AT] == 1
