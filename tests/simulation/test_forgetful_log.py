"""The log loses its tail: read models built from it refuse it; after adopting it all are rebuilt from it."""

import asyncio
import random
from collections.abc import Mapping

import pytest

from core.health import Health
from core.ports.documents import Documents
from core.ports.effects import Silent
from core.positions import LogMismatch
from edge.composition.compose import PROCESSORS, processor
from projections.generations import read_pointer
from projections.search.memory import MemorySearchIndex
from projections.stores.memory import MemoryDocuments
from schemas.envelope import Record
from schemas.topics import partitions
from streams.log.memory import MemoryLog
from streams.rebuild.adopt import adopt, survey
from streams.rebuild.replay import Fold
from streams.rebuild.verify import verify
from streams.runtime import plain_runner
from streams.runtime.lineage import check_log
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.processor import Processor
from streams.runtime.worker import Worker
from tests.eventually import eventually
from tests.simulation.loop import run
from tests.simulation.watch import OFFSETS
from tests.simulation.world import World, played

SEEDS = 12


def cut(world: World, chance: random.Random) -> None:
    """Remove some last records of some partitions, as an election or a damaged file does."""
    for records in world.ledger.storage.records.values():
        if records and chance.random() < 0.5:
            del records[chance.randint(0, len(records) - 1) :]


def read_further(world: World, name: str) -> bool:
    """Return whether this read model has read records that are gone."""
    saved = world.store._checkpoints.get((name, 1), {})
    held = world.ledger.storage.records
    return any(where & OFFSETS > len(held[at]) for at, where in saved.items())


def folds(world: World) -> Mapping[str, Fold]:
    def fold(name: str) -> Fold:
        def made(documents: Documents) -> Processor:
            return processor(name, documents, world.index if documents is world.store else MemorySearchIndex())

        return made

    return {name: fold(name) for name in PROCESSORS}


def unreported(_done: int, _all: int) -> None:
    """Ignore progress."""


async def unrecorded() -> None:
    """Record nothing."""


@pytest.mark.parametrize("seed", range(SEEDS))
def test_log_without_its_tail_is_refused_and_can_be_adopted(seed: int) -> None:
    world = played(seed)
    cut(world, random.Random(seed))

    async def main() -> None:
        log, made = MemoryLog(world.ledger.storage), folds(world)
        await log.start()
        short = {name for name in PROCESSORS if read_further(world, name)}
        for name in PROCESSORS:
            if name in short:
                with pytest.raises(LogMismatch, match="the log is older than the read model"):
                    await check_log(log, world.store, name, 1, Health())
            else:
                await check_log(log, world.store, name, 1, Health())
        found = await survey(log, world.store, [fold(world.store) for fold in made.values()], Health())
        assert set(found.reasons) == short
        if not short:
            return
        await adopt(made, log, world.store, Health(), found, progress=lambda _: unreported, begins=unrecorded)
        for name, fold in made.items():
            live = (await read_pointer(world.store, name)).live
            verified = await verify(fold, log, world.store, live, scratch=MemoryDocuments(), health=Health())
            assert (name, verified.differing) == (name, 0)

    run(seed, main)


def test_worker_without_log_check_leaves_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant of the rule: it continues at its checkpoints, and verifying detects it."""

    async def believe(*_: object) -> None:
        """Accept any log."""

    monkeypatch.setattr(plain_runner, "check_processor", believe)
    assert any(holed(seed) for seed in range(SEEDS))


def holed(seed: int) -> bool:
    """Return whether the messages of this world differ from its log afterwards."""
    world = played(seed)
    cut(world, random.Random(seed))

    async def main() -> bool:
        log, fold = MemoryLog(world.ledger.storage), folds(world)["messages"]
        await log.start()
        for record in [one for one in world.ledger.order if one.topic in fold(world.store).topics]:
            world.ledger.put(Record(record.topic, record.key, record.value, record.headers))  # until it is longer
        worker = Worker(fold(world.store), world.store, Silent(), Health())
        live = asyncio.create_task(PlainRunner(worker, log, world.store, Health()).run(1), name="goes on")
        ends = await log.end_offsets(partitions(*fold(world.store).topics))
        await eventually(lambda: all(worker.next.get(at, 0) >= end for at, end in ends.items()), within=30)
        live.cancel()
        await asyncio.wait([live])
        verified = await verify(fold, log, world.store, 1, scratch=MemoryDocuments(), health=Health())
        return verified.differing > 0

    return run(seed, main)
