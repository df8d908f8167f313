"""Worker runs one processor: it reads, applies and emits each batch, in this order, and waits for whatever is down.

What cannot be read becomes a dead letter; a record that breaks the fold is folded as unreadable, so that it keeps its
number.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Final

from core.health import Health
from core.ports.documents import DataLost, Documents, StoreBroken, StoreWentBack
from core.ports.effects import Durable, Effects, Emitter, already_durable
from core.ports.event_log import DataDamaged, Received, Unavailable
from core.ports.tracer import UNTRACED, Tracer
from core.positions import offset_in, position
from core.retry import retry_until_available
from projections.facts import Fact, Inconsistent
from projections.stores.facets import require_base
from schemas.envelope import Record
from schemas.topics import DEAD_LETTER, Partition
from streams.runtime.batch_journal import BatchJournal
from streams.runtime.lineage import check_epochs, digest_of
from streams.runtime.processor import Batch, FactReader, Processor
from streams.runtime.record_decoder import DecodedRecords, dead_letter, read
from streams.runtime.save_behind import SaveBehind

logger: Final = logging.getLogger("caas.worker")


STORE_BROKEN: Final = (StoreWentBack, StoreBroken, DataLost, DataDamaged, Inconsistent)
"""Errors where the store breaks the fold, not a record."""


class StoreBehindLog(Exception):
    """The next record is beyond the checkpoint: continuing would leave a gap. Start again from the checkpoint."""


class _Logged:
    """What a batch has to log, and how to wait for it once it is being appended."""

    __slots__ = ("durable", "records")

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.durable: Durable | None = None


class Worker:
    """Runs one processor for one generation, one batch at a time."""

    def __init__(
        self,
        processor: Processor,
        documents: Documents,
        emitter: Emitter,
        health: Health,
        *,
        journal: BatchJournal | None = None,
        tracer: Tracer = UNTRACED,
    ) -> None:
        self.processor = processor
        self._tracer = tracer
        self.generation = 0
        self.documents = documents
        self._emitter = emitter
        self.health = health
        self._journal = journal
        self._epoch = 0
        self._life = 0
        self._next: dict[Partition, int] = {}
        self._recorded_ms: dict[Partition, int] = {}
        self._batches = health.histogram(f"{processor.name}_batch")
        # There from the start, as 0: Prometheus does not see an increase from nothing to 1.
        health.count(f"{processor.name}_dead_letters", 0)
        self._behind = documents if isinstance(documents, SaveBehind) else None
        self._logged: deque[_Logged] = deque()
        self._in_order = asyncio.Lock()
        health.count(f"projection_gap_{processor.name}", 0)  # so that it is exported before the first
        self.count_drift(0)

    async def begin(self, generation: int, epoch: int) -> dict[Partition, int]:
        """Take up a generation, and return the next offset of each partition, from its checkpoint. Raises
        `LogMismatch`.

        A generation whose tables are lost is taken up, too: `work` then raises `DataLost`.
        """
        if self._behind is not None:
            self._behind.reset()
        self.generation, self._epoch, self._life = generation, epoch, self.documents.life
        self._recorded_ms.clear()
        with contextlib.suppress(DataLost):
            await retry_until_available(
                f"{self.processor.name}: prepare", lambda: self.processor.prepare(generation), self.health
            )
        self._next = await self.saved()
        return dict(self._next)

    @property
    def epoch(self) -> int:
        """Return the log's epoch."""
        return self._epoch

    @property
    def next(self) -> Mapping[Partition, int]:
        """Return the next offset of every partition read or checkpointed."""
        return self._next

    @property
    def recorded_ms(self) -> Mapping[Partition, int]:
        """Return when the log got the last record applied of each partition, in milliseconds since 1970, 0 if it did
        not say.
        """
        return self._recorded_ms

    async def work(self, received: Sequence[Received]) -> None:
        """Apply one batch; when it returns, all of it is saved and emitted. Raises as `begin_batch` does."""
        await (await self.begin_batch(received))()

    async def begin_batch(self, received: Sequence[Received]) -> Durable:
        """Apply one batch; when it returns, all of it is saved, and its effects are being emitted: the next batch may
        begin.

        Raises `StoreBehindLog`, also where the store lost what this worker had saved; `DataLost`, `StoreBroken` and
        `Inconsistent` where nothing can be folded on what the store has.
        """
        if not received:
            return already_durable
        began = perf_counter()
        positions = await self._advanced(received)
        found = self._read(received)
        last = {record.at(): record for record in received}
        required, digests = self._required_offsets(received), {at: digest_of(record) for at, record in last.items()}
        batch = Batch(found.facts, self.processor.name, self.generation, positions, required, digests, self._life)
        try:
            effects, dead = await self._applied(batch)
        except StoreWentBack as back:
            self._life = self.documents.life
            before, self._next = self._next, await self.saved()
            self.count_drift(any(self._next.get(at, 0) < offset for at, offset in before.items()))
            raise StoreBehindLog(str(back)) from back
        durable = await self._emit(Effects([*effects.logged, *found.dead, *dead], effects.hints))
        for at, where in positions.items():
            self._next[at] = max(self._next.get(at, 0), offset_in(self._epoch, where))
            self._recorded_ms[at] = last[at].timestamp_ms
        took_s = perf_counter() - began
        self._batches.observe(took_s)
        self._tracer.processed(self.processor.name, received, began)
        self.health.count(f"{self.processor.name}_records", len(received))
        return durable if self._journal is None else self._journal.following(batch, self._epoch, took_s, durable)

    def count_drift(self, count: int = 1) -> None:
        """Count that the store was found to differ from what was saved in it."""
        self.health.count(f"projection_drift_{self.processor.name}", count)

    def _read(self, received: Sequence[Received]) -> DecodedRecords:
        if isinstance(self.processor, FactReader):
            return DecodedRecords(self.processor.facts_of(received), [])
        return read(received, self.processor.name, self.processor.takes)

    async def _emit(self, effects: Effects) -> Durable:
        """Begin to emit. Where the checkpoint is saved behind, pushes go out now, and what is logged follows the
        checkpoint: who reads it in the log finds all of its batch saved.
        """
        if self._behind is None:
            return await self._emitter.begin(effects)
        await self._emitter.emit(Effects(hints=effects.hints))
        mine = _Logged(effects.logged)
        self._logged.append(mine)
        return partial(self._emit_logged, self._behind, mine)

    async def _emit_logged(self, behind: SaveBehind, mine: _Logged) -> None:
        """Save what is behind, then append what this batch and those before it have to log, in their order."""
        await behind.settle()
        async with self._in_order:
            while mine.durable is None:
                first = self._logged[0]
                first.durable = await self._emitter.begin(Effects(first.records))
                self._logged.popleft()
        await mine.durable()

    async def _advanced(self, received: Sequence[Received]) -> dict[Partition, int]:
        """Return the positions of the reader after these records; each must follow what is saved."""
        after: dict[Partition, int] = {}
        repeated = 0
        for record in received:
            at = record.at()
            expected = after.get(at, self._next.get(at, 0))
            if record.offset > expected:  # another owner went on meanwhile, perhaps within this batch
                self._next = await self.saved()
                expected = self._next.get(at, 0)
            repeated += record.offset < self._next.get(at, 0)
            if record.offset > expected:
                self.health.count(f"projection_gap_{self.processor.name}")
                raise StoreBehindLog(f"{self.processor.name}: {at} goes on at {record.offset}, saved up to {expected}")
            after[at] = record.offset + 1
        self.health.count(f"projection_duplicate_{self.processor.name}", repeated)
        return {at: position(self._epoch, offset) for at, offset in after.items()}

    def _required_offsets(self, received: Sequence[Received]) -> dict[Partition, int]:
        """Return up to where each partition must be saved for these to follow; nothing where they begin it. What is
        left out between two records has been saved by another worker.
        """
        first: dict[Partition, int] = {}
        after: dict[Partition, int] = {}
        for record in received:
            at = record.at()
            if record.offset > after.get(at, -1):
                first[at] = record.offset
            after[at] = record.offset + 1
        return {at: position(self._epoch, offset) for at, offset in first.items() if offset}

    async def saved(self) -> dict[Partition, int]:
        """Return the next offset of each partition as the store has it. Raises `LogMismatch`."""
        saved = await retry_until_available(
            f"{self.processor.name}: checkpoints",
            lambda: self.documents.checkpoints(self.processor.name, self.generation),
            self.health,
        )
        check_epochs(self._epoch, saved, self.processor.name)
        return {at: offset_in(self._epoch, where) for at, where in saved.items()}

    async def _applied(self, batch: Batch) -> tuple[Effects, list[Record]]:
        """Return the effects of a batch, and the dead letters of records that break the fold."""
        try:
            return await self._apply(batch), []
        except STORE_BROKEN:
            raise
        except Exception:
            logger.exception("%s: a record breaks the fold; looking for it", self.processor.name)
            return await self._apply_singly(batch)

    async def _apply(self, batch: Batch) -> Effects:
        return await retry_until_available(self.processor.name, lambda: self._in_one_life(batch), self.health)

    async def _in_one_life(self, batch: Batch) -> Effects:
        """Apply a batch in one life of the store. A fold that fails is only to blame where the store was read in one
        life and has the batch's base. In another life than this worker began in, its runner has to begin again. Raises
        `Unavailable` and `StoreWentBack`.
        """
        if self.documents.life != batch.life:
            raise StoreWentBack(f"{self.processor.name}: the store may have been restarted")
        try:
            effects = await self.processor.apply(batch)
        except (Unavailable, StoreWentBack):
            raise
        except Exception as error:
            require_base(batch.base, await self.documents.checkpoints(self.processor.name, self.generation))
            if self.documents.life != batch.life:
                raise Unavailable("the store was restarted while it was read") from error
            raise
        if self.documents.life != batch.life:  # the effects depend on the rows that were read
            raise StoreWentBack(f"{self.processor.name}: the store may have been restarted after a save")
        return effects

    async def _apply_singly(self, batch: Batch) -> tuple[Effects, list[Record]]:
        """Apply one fact after another; one that breaks the fold again is saved as unreadable and becomes a dead
        letter.
        """
        done: list[Effects] = []
        dead: list[Record] = []
        for fact in batch.facts:
            try:
                done.append(await self._apply(replace(batch, facts=[fact], positions={})))
            except STORE_BROKEN:
                raise
            except Exception as error:
                if fact.record is None:
                    raise
                dead += _broken(fact.record, self.processor.name, error)
                done.append(await self._apply(replace(batch, facts=[_unreadable(fact)], positions={})))
        await self._apply(replace(batch, facts=[]))
        logged = [record for effects in done for record in effects.logged]
        return Effects(logged, [hint for effects in done for hint in effects.hints]), dead


def _broken(record: Received, processor: str, error: Exception) -> list[Record]:
    """Return the dead letter of a record that breaks the fold. A dead letter has none: its own would break it, too."""
    if record.topic == DEAD_LETTER:
        logger.error("%s: dead letter %d of partition %d: %r", processor, record.offset, record.partition, error)
        return []
    return [dead_letter(record, processor, "broken_fold", repr(error))]


def _unreadable(fact: Fact) -> Fact:
    return replace(fact, event=None, record=None)
