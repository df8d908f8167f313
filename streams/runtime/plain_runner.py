"""PlainRunner reads all partitions of a processor's topics in one process, live or up to a bound.

Live it starts not at its checkpoint, which is what is saved, but at what is acknowledged: saved *and* emitted. The mark
is written once a second and at the end; a crash repeats the effects of that second, under the same ids.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from core.health import Health
from core.ports.documents import Changes, Checkpoint, Documents
from core.ports.effects import Durable
from core.ports.event_log import DataDamaged, EventLog, Received, Unavailable
from core.positions import offset_in, position
from core.retry import retry_until_available
from core.tasks import retrieved
from projections.generations import Pointer, partition_name, read_pointer
from schemas.topics import Partition, partitions
from streams.runtime.gate import MAX_EMITTING, Gate
from streams.runtime.lag_watch import LagWatch
from streams.runtime.lineage import EndsWatch, acknowledged, check_processor
from streams.runtime.worker import StoreBehindLog, Worker

logger: Final = logging.getLogger("caas.plain")
MARK_INTERVAL_S: Final = 1.0
CHECK_INTERVAL_S: Final = 1.0
CANCEL_RETRY_INTERVAL_S: Final = 1.0
RETRY_INTERVAL_S: Final = 0.1
EMIT_AT_LAST_S: Final = 1.0
"""Maximum time, in seconds, that a runner that ends waits for its effects."""
Emitting = asyncio.Queue[tuple[Sequence[Received], Durable]]
"""The batches that are saved and being emitted, in order."""


async def cancel_all(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended: a library may swallow a cancellation that comes as its call finishes. Where
    several failed of one cause the caller raises one of them, and asyncio must not print the others, also where the
    caller is cancelled meanwhile.
    """
    for task in tasks:
        task.add_done_callback(retrieved)
    while waiting := [task for task in tasks if not task.done()]:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=CANCEL_RETRY_INTERVAL_S)


class PlainRunner:
    """Runs one worker. `limit` is the maximum number of records in a batch. Live, after a batch with fewer, the next
    begins `linger_s` later: for a processor that nobody waits for, whose batches cost much. After each batch it rests
    `rests` times as long as the batch took: for one that shares its thread with others.
    """

    def __init__(
        self,
        worker: Worker,
        log: EventLog,
        documents: Documents,
        health: Health,
        limit: int = 500,
        *,
        linger_s: float = 0.0,
        rests: float = 0.0,
    ) -> None:
        self._worker = worker
        self._log = log
        self._documents = documents
        self._health = health
        self._limit = limit
        self._linger_s = linger_s
        self._rests = rests
        self._marked: dict[Partition, int] = {}

    async def run(self, generation: int) -> None:
        """Apply live records until cancelled: to this generation, and after a switch to the one that is live then.
        Writes the mark on cancellation.
        """
        while True:
            try:
                await self._run(generation)
            except StoreBehindLog as behind:
                logger.warning("starting again from the checkpoints: %s", behind)
                generation = self._worker.generation
                await asyncio.sleep(RETRY_INTERVAL_S)

    async def _run(self, generation: int) -> None:
        processor, name = self._worker.processor, self._worker.processor.name
        await check_processor(self._log, self._documents, processor, generation, self._health)
        await self._worker.begin(generation, self._log.epoch)
        start = await self._start()
        gate = Gate(self._worker, lambda: start, self._all_emitted)
        lags = LagWatch(self._worker, self._log, lambda: start, self._health)
        emitting: Emitting = asyncio.Queue(MAX_EMITTING)
        emits = asyncio.create_task(self._emit(emitting), name=f"{name}-emits")
        tasks = (
            asyncio.create_task(self._read(gate, start, emitting), name=f"{name}-reads"),
            asyncio.create_task(gate.watch(), name=f"{name}-watches"),
            asyncio.create_task(self._mark_regularly(), name=f"{name}-marks"),
            asyncio.create_task(self._check(), name=f"{name}-checks"),
            asyncio.create_task(lags.run(), name=f"{name}-lags"),
        )
        try:
            ended, _ = await asyncio.wait((*tasks, emits), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_all(tasks)
            await self._emit_at_last(emits, emitting)
            await self._mark_at_last()
        for task in ended:
            task.result()

    async def _check(self) -> None:
        """Check once a second, until cancelled, whether the log still has what was read, and the store what was saved.
        Raises `LogMismatch` and `StoreBehindLog`.
        """
        worker, name = self._worker, self._worker.processor.name
        watch = EndsWatch(name)
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            generation, before = worker.generation, dict(worker.next)
            ends = await retry_until_available(f"{name}: ends", lambda: self._log.end_offsets(before), self._health)  # noqa: B023
            watch.check(ends, before)
            saved = await worker.saved()
            if worker.generation == generation and (lost := {at for at, n in before.items() if saved.get(at, 0) < n}):
                worker.count_drift()
                raise StoreBehindLog(f"{name}: the store lost what was saved of {sorted(lost)}")

    async def _read(self, gate: Gate, start: Mapping[Partition, int], emitting: Emitting) -> None:
        """Apply one batch after another. The next begins while the effects of the ones before become durable."""
        loop = asyncio.get_running_loop()
        async for batch in self._log.read(start, limit=self._limit):
            began = loop.time()
            await emitting.put((batch, await gate.begin_batch(batch)))
            pause_s = self._linger_s if len(batch) < self._limit else 0.0
            if pause_s := max(pause_s, (loop.time() - began) * self._rests):
                await asyncio.sleep(pause_s)

    async def _emit(self, emitting: Emitting) -> None:
        """Mark one batch after another, when its effects are durable."""
        while True:
            batch, durable = await emitting.get()
            await durable()
            for record in batch:
                self._marked[record.at()] = position(self._log.epoch, record.offset + 1)
            emitting.task_done()

    async def _emit_at_last(self, emits: asyncio.Task[None], emitting: Emitting) -> None:
        """Wait for what is being emitted, for `EMIT_AT_LAST_S`: what is not durable by then is emitted again later."""
        all_emitted = asyncio.create_task(emitting.join(), name=f"{self._name}-ends")
        try:
            await asyncio.wait((all_emitted, emits), timeout=EMIT_AT_LAST_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_all((all_emitted, emits))

    async def replay(
        self, generation: int, until: Mapping[Partition, int], done: Callable[[int], None] | None = None
    ) -> None:
        """Apply the records before `until` to a generation, from its checkpoints on, and return. `done` is called with
        the number of records of each batch.
        """
        if self._worker.generation != generation:
            await self._worker.begin(generation, self._log.epoch)
        while start := {at: offset for at, end in until.items() if (offset := self._worker.next.get(at, 0)) < end}:
            try:
                async for batch in self._log.read(start, {at: until[at] for at in start}, limit=self._limit):
                    await self._worker.work(batch)
                    if done is not None:
                        done(len(batch))
            except StoreBehindLog as behind:
                logger.warning("replaying again from the checkpoints: %s", behind)
                await asyncio.sleep(RETRY_INTERVAL_S)

    async def _start(self) -> dict[Partition, int]:
        """Return the offsets of what is acknowledged, in this generation or in the one before it up to the switch; a
        worker that has no marks begins at its checkpoints, and writes the marks first.
        """
        pointer = await retry_until_available(self._name, self._pointer, self._health)
        marks = await retry_until_available(self._name, self._marks, self._health)
        switched = pointer.effects_from if pointer.live == self._worker.generation else {}
        saved, epoch = self._worker.next, self._log.epoch
        start = {}
        for at in partitions(*self._worker.processor.topics):
            known = [where for where in (marks.get(at), switched.get(partition_name(at))) if where is not None]
            start[at] = min([saved.get(at, 0), *([offset_in(epoch, max(known))] if known else [])])
            self._marked[at] = position(epoch, start[at])
        await retry_until_available(self._name, self._mark, self._health)
        return start

    def _all_emitted(self) -> bool:
        """Return whether what is saved has been emitted, as far as this runner knows."""
        epoch, saved = self._log.epoch, self._worker.next
        return all(where >= position(epoch, saved.get(at, 0)) for at, where in self._marked.items())

    @property
    def _name(self) -> str:
        return acknowledged(self._worker.processor.name)

    async def _pointer(self) -> Pointer:
        return await read_pointer(self._documents, self._worker.processor.name)

    async def _marks(self) -> dict[Partition, int]:
        return await self._documents.checkpoints(self._name, self._worker.generation)

    async def _mark(self) -> None:
        marks = Checkpoint(self._name, self._worker.generation, dict(self._marked))
        await self._documents.save(Changes([], [], marks))

    async def _mark_at_last(self) -> None:
        try:
            await self._mark()
        except (Unavailable, DataDamaged) as error:
            logger.info("%s: not written at the end, some effects will be repeated: %s", self._name, error)

    async def _mark_regularly(self) -> None:
        written: dict[Partition, int] = {}
        while True:
            await asyncio.sleep(MARK_INTERVAL_S)
            if written != self._marked:
                written = dict(self._marked)
                await retry_until_available(self._name, self._mark, self._health)
