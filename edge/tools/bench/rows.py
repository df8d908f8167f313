"""Runs processors on the plain runner and their bare counterpart, in turns over the same records, in one process.

`python -m edge.tools.bench.rows SPEC` runs the pairs and prints their results.
"""

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final, cast

import uvloop

from core import settings
from core.health import Health
from core.ports.documents import Changes, Table, TableGeneration, Write
from core.ports.effects import Emitter, Silent
from core.ports.event_log import Received
from edge.composition import compose
from edge.composition.compose import Adapters
from edge.tools.bench import spec
from edge.tools.bench.filled import Filled
from edge.tools.bench.measure import Pairs
from edge.tools.bench.renamed_processor import RenamedProcessor, make_live, remove
from edge.tools.bench.spec import Processing
from edge.tools.bench.speed import Speed, watched
from projections.messages.message_rows import ROWS
from streams.processors.messages import Messages
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.worker import Worker

BATCH_SIZE: Final = 500
BARE: Final = Table("bench", "rows", ROWS.indexes)


class Runs:
    """Runs each way of processing; every run begins with empty tables."""

    def __init__(self, found: Adapters, filled: Filled, run: str, seconds: float) -> None:
        self._found = found
        self._filled = filled
        self._run = run
        self._seconds = seconds
        self._generation = 1_000 + secrets.randbelow(1 << 30)

    async def take(self, way: str) -> float:
        """Return the records per second of `bare`, `plain` or `rebuild`."""
        self._generation += 1
        if way == "bare":
            return await self._bare()
        if way == "plain":
            emitter = compose.emitter("messages", self._found, Health())
            return await self._ours(emitter, live=True)
        return await self._ours(Silent(), live=False)

    async def _ours(self, emitter: Emitter, *, live: bool) -> float:
        found, filled, generation, health = self._found, self._filled, self._generation, Health()
        processor = RenamedProcessor(Messages(found.documents), f"messages-{self._run}-{generation}")
        await make_live(processor, generation, found.log, found.documents, filled.start)
        worker = Worker(processor, found.documents, emitter, health)
        runner = PlainRunner(worker, found.log, found.documents, health, BATCH_SIZE)
        work = runner.run(generation) if live else runner.replay(generation, filled.ends)
        first = sum(filled.start.values())
        rate = await watched(work, lambda: max(0, sum(worker.next.values()) - first), filled.total, self._seconds)
        await remove(processor, generation, found.documents)
        return rate

    async def _bare(self) -> float:
        found, filled, place = self._found, self._filled, TableGeneration(BARE, self._generation)
        await found.documents.prepare([place])
        speed, done = Speed(self._seconds), 0
        reads = cast(
            "AsyncGenerator[Sequence[Received], None]", found.log.read(filled.start, filled.ends, limit=BATCH_SIZE)
        )
        async with aclosing(reads):
            async for batch in reads:
                await found.documents.save(Changes([(place, [_row(record) for record in batch])], []))
                done += len(batch)
                if not speed.done(done):
                    break
        await found.documents.drop([place])
        return speed.per_s


def _row(record: Received) -> Write:
    """Return a row of about a message row's size, without decoding the record."""
    fixed = {"tenant": "bench", "conversation_id": (record.key or b"").decode()}
    body = (record.value or b"").decode()
    facet = {"pos": record.position, "n": record.offset, "body": body}
    return Write(f"{record.partition}-{record.offset}", fixed, {"sent": facet})


async def main(processing: Processing) -> None:
    """Warm up, run the pairs."""
    found = compose.adapters(settings.load(), "caas-bench")
    async with compose.opened(found):
        filled = Filled.of(processing.records)
        warm = Runs(found, filled, f"{processing.run}-warm", 0.5)
        for way in {processing.bare, processing.ours}:
            await warm.take(way)
        runs = Runs(found, filled, processing.run, processing.seconds)
        began = time.perf_counter()
        pairs = await Pairs().take(
            processing.pairs, ours=lambda: runs.take(processing.ours), bare=lambda: runs.take(processing.bare)
        )
        spec.say({"ours": pairs.ours, "bare": pairs.bare, "took_s": time.perf_counter() - began})


if __name__ == "__main__":
    uvloop.run(main(spec.given(Processing)))
