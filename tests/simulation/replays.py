"""Check that a read model is a function of the log: a replay, a second one, or another order give the same rows."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from core.health import Health
from core.ports.effects import Silent
from core.ports.event_log import Received
from edge.composition.compose import PROCESSORS, processor
from projections.search.memory import MemorySearchIndex
from projections.stores.memory import MemoryDocuments
from schemas.topics import partitions
from streams.runtime.worker import Worker
from tests.simulation.loop import run
from tests.simulation.world import World


def replays(world: World) -> Iterator[str]:
    """Law 4. The seed decides how it is replayed: twice, or in another order."""
    live = _contents(world.store, world.index)
    if world.seed % 2:
        [shuffled] = run(world.seed, lambda: _replayed(world, random.Random(f"replay {world.seed}"), 1))
        yield from _differences("a replay in another order", live, shuffled)
    else:
        once, twice = run(world.seed, lambda: _replayed(world, None, 2))
        yield from _differences("a replay", live, once)
        yield from _differences("a second replay", once, twice)


async def _replayed(world: World, chance: random.Random | None, times: int) -> list[dict[str, Any]]:
    """Return the contents after each replay."""
    store, index, after = MemoryDocuments(), MemorySearchIndex(), list[dict[str, Any]]()
    for _ in range(times):
        await _replay(world, store, index, chance)
        after.append(_contents(store, index))
    return after


async def _replay(world: World, store: MemoryDocuments, index: MemorySearchIndex, chance: random.Random | None) -> None:
    for name in PROCESSORS:
        worker = Worker(processor(name, store, index), store, Silent(), Health())
        await worker.begin(1, world.ledger.storage.epoch)
        for batch in _batches(world, worker.processor.topics, chance):
            await worker.work(batch)


def _batches(world: World, topics: Sequence[str], chance: random.Random | None) -> Iterator[list[Received]]:
    """Yield all records, partition by partition; with `chance` in a random possible reading order."""
    records = world.ledger.storage.records
    if chance is None:
        yield [record for place in partitions(*topics) for record in records[place]]
        return
    left = [list(reversed(records[place])) for place in partitions(*topics) if records[place]]
    while left:
        batch = []
        for _ in range(chance.randint(1, 20)):
            place = chance.choice(left)
            batch.append(place.pop())
            left = [place for place in left if place]
            if not left:
                break
        yield batch


def _contents(store: MemoryDocuments, index: MemorySearchIndex) -> dict[str, Any]:
    tables = store._rows.items()
    rows = {f"{model}.{table} {key}": row for (model, table, _), held in tables for key, row in held.items()}
    return rows | {f"index {key}": entry for key, entry in index._entries.get(1, {}).items()}


def _differences(what: str, live: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    if live == other:
        return
    for key in sorted(live.keys() | other.keys()):
        if live.get(key) != other.get(key):
            yield f"law 4: {what} has another {key}: {other.get(key)}, live is {live.get(key)}"
