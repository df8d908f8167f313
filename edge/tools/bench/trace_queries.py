"""Measures traces of requests, form by form, in one process.

`python -m edge.tools.bench.trace_queries SPEC` fills the read model `trace` by its own processor, and the journal of
batches, and prints the result. Each trace is of another request, taken at random.
"""

import itertools
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

import msgspec
import uvloop

from core import settings
from core.ports.documents import Changes, Checkpoint
from core.ports.event_log import Received
from core.positions import position
from edge.composition import compose
from edge.composition.compose import Adapters
from edge.tools.bench import spec
from edge.tools.bench.audit_queries import Clock
from edge.tools.bench.searching import Live
from edge.tools.bench.spec import AuditForm, Traced, Traces
from edge.tools.bench.trace_trail import EVERY, IN_BULK, IN_LARGEST, TraceTrail
from edge.tools.bench.world import World
from projections.journal import batch_rows
from projections.journal.batch_rows import AppliedBatch
from projections.queries.trace_records import TraceRecords
from projections.trace.applications import Reader
from schemas.topics import Partition
from schemas.wire.trace import Trace as Found
from streams.processors.trace import Trace
from streams.runtime.processor import Batch

GENERATION: Final = 1
BATCH_SIZE: Final = 500
APPLIED: Final = 25
"""Number of records of a partition in each batch of the journal."""
TOOK_MS: Final = 5


async def fill(found: Adapters, trail: TraceTrail, readers: Sequence[Reader]) -> None:
    """Save all records of a trail, the journal of them, and the checkpoints of all readers behind them."""
    processor, epoch = Trace(found.documents), found.log.epoch
    await processor.prepare(GENERATION)
    await found.documents.prepare([batch_rows.PLACE])
    for records in _batched(trail.records()):
        after = {record.at(): position(epoch, record.offset + 1) for record in records}
        first = {one.at(): one for one in reversed(records)}
        begins = {at: one.position for at, one in first.items() if one.offset}
        facts = processor.facts_of(records)
        await processor.apply(Batch(facts, processor.name, GENERATION, after, begins))
        writes = [
            batch_rows.write_of(reader.name, at, epoch, batches)
            for at, batches in _journal(records).items()
            for reader in readers
            if at.topic in reader.topics
        ]
        await found.documents.save(Changes([(batch_rows.PLACE, writes)], []))
    for reader in readers:
        passed = {at: position(epoch, end) for at, end in trail.ends.items() if at.topic in reader.topics}
        await found.documents.save(Changes([], [], Checkpoint(reader.name, GENERATION, passed)))


def _batched(records: Iterator[Received]) -> Iterator[Sequence[Received]]:
    while batch := list(itertools.islice(records, BATCH_SIZE)):
        yield batch


def _journal(records: Sequence[Received]) -> dict[Partition, list[AppliedBatch]]:
    """Return the batches of a processor that applied these, a few records of a partition in each."""
    places: dict[Partition, list[Received]] = {}
    for record in records:
        places.setdefault(record.at(), []).append(record)
    return {at: [_applied(some[n : n + APPLIED]) for n in range(0, len(some), APPLIED)] for at, some in places.items()}


def _applied(records: Sequence[Received]) -> AppliedBatch:
    began = records[-1].timestamp_ms
    return AppliedBatch(records[0].offset, records[-1].offset + 1, began, began + TOOK_MS, began + TOOK_MS)


class Questions:
    """Requests of each form, the same in every run."""

    def __init__(self, trail: TraceTrail, queries: int) -> None:
        self._trail = trail
        self._queries = queries
        self._chance = random.Random(11)  # noqa: S311 - to measure with

    async def forms(self) -> AsyncIterator[tuple[str, list[str]]]:
        """Yield each form with its correlation ids."""
        yield "one message", [self._message(IN_BULK, EVERY) for _ in range(self._queries)]
        yield "a hundred messages", [self._message(0, IN_BULK) for _ in range(self._queries)]
        yield "more than a trace shows", [self._trail.request_of(0)] * self._queries
        yield "nothing", [f"00000000-0000-4000-8000-{n:012}" for n in range(self._queries)]

    def _message(self, begin: int, end: int) -> str:
        """Return the request of a message whose place in its thousand lies between these."""
        while True:
            message = self._chance.randrange(self._trail.messages)
            if message >= IN_LARGEST and begin <= message % EVERY < end:
                return self._trail.request_of(message)


class Asking:
    """Asks as the service does: from the correlation id to the encoded answer."""

    def __init__(self, found: Adapters, tenant: str, readers: Sequence[Reader]) -> None:
        self._records = TraceRecords(found.documents, Live(found, GENERATION), found.log, readers)
        self._tenant = tenant

    async def trace(self, correlation_id: str) -> Found:
        """Return a trace, encoded once."""
        found = await self._records.trace(self._tenant, correlation_id)
        msgspec.json.encode(found)
        return found

    async def measured(self, requests: Sequence[str]) -> AuditForm:
        """Ask for these one after another."""
        clock = Clock()
        for correlation_id in requests:
            with clock:
                await self.trace(correlation_id)
        return clock.form


async def main(what: Traces) -> None:
    """Fill and measure, in a directory of this measurement."""
    world = World()
    async with compose.opened(compose.adapters(settings.load(), "caas-bench")) as found:
        readers, trail = compose.readers_of(found), TraceTrail(world.tenant, what.records, found.log.epoch)
        wall, processor = time.perf_counter(), time.process_time()
        await fill(found, trail, readers)
        filled_s, cpu_s = time.perf_counter() - wall, time.process_time() - processor
        asking, forms = Asking(found, world.tenant, readers), dict[str, AuditForm]()
        async for name, requests in Questions(trail, what.queries).forms():
            forms[name] = await asking.measured(requests)
    cpu_us = round(cpu_s / what.records * 1e6, 1)
    spec.say(Traced(records=what.records, filled_s=round(filled_s, 1), cpu_us=cpu_us, forms=forms))


if __name__ == "__main__":
    uvloop.run(main(spec.given(Traces)))
