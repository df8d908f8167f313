"""BatchJournal notes when workers applied which records, and writes it behind, about once a second.

No batch waits for it, and what it has not written is lost in a crash: a read model's checkpoint says whether a record
was applied, the journal only when. The batches of a processor in a partition share a row for a minute, which is written
again as it grows, so that slow traffic makes few rows.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from core.health import Health
from core.ports.documents import Changes, DataLost, Documents, RowTooLarge, StoreBroken
from core.ports.effects import Durable
from core.ports.event_log import Unavailable
from core.positions import offset_in
from core.retry import retry_until_available
from projections.journal.batch_rows import PLACE, AppliedBatch, write_of
from schemas.topics import Partition
from streams.runtime.processor import Batch

logger: Final = logging.getLogger("caas.journal")
WRITE_INTERVAL_S: Final = 1.0
WRITE_AT_LAST_S: Final = 1.0
"""Maximum time, in seconds, that a process that ends waits for its last rows."""
MAX_IN_ROW: Final = 60
MAX_ROW_MS: Final = 60_000
"""Maximum time between the first and the last batch of a row."""
MAX_FULL: Final = 200
"""Maximum number of full rows that wait to be written; of more, as in a long outage, the oldest are left out."""


class _Key(NamedTuple):
    processor: str
    epoch: int
    at: Partition


@dataclass(slots=True)
class _Row:
    """A row that grows; `written` of its batches are in the store."""

    key: _Key
    batches: list[AppliedBatch] = field(default_factory=list)
    written: int = 0

    @property
    def unwritten(self) -> int:
        return len(self.batches) - self.written

    def takes(self, batch: AppliedBatch) -> bool:
        return len(self.batches) < MAX_IN_ROW and batch.saved_ms - self.batches[0].saved_ms <= MAX_ROW_MS


class BatchJournal:
    """The journal of the workers of one process. `now` returns seconds since 1970."""

    def __init__(self, documents: Documents, health: Health, now: Callable[[], float] = time.time) -> None:
        self._documents = documents
        self._health = health
        self._now = now
        self._open: dict[_Key, _Row] = {}
        self._full: list[_Row] = []

    def following(self, batch: Batch, epoch: int, took_s: float, durable: Durable) -> Durable:
        """Return what waits until the effects of a batch are durable, and notes it then. The batch was saved just now,
        `took_s` after it was begun.
        """
        saved = self._now()

        async def noted() -> None:
            await durable()
            self._note(batch, epoch, saved - took_s, saved)

        return noted

    def _note(self, batch: Batch, epoch: int, began: float, saved: float) -> None:
        began_ms, saved_ms, emitted_ms = (round(one * 1000) for one in (began, saved, self._now()))
        for at, after in batch.positions.items():
            first = offset_in(epoch, batch.begins.get(at, 0))  # a batch that begins its partition names no begin
            of_partition = AppliedBatch(first, offset_in(epoch, after), began_ms, saved_ms, emitted_ms)
            self._add(_Key(batch.processor, epoch, at), of_partition)

    def _add(self, key: _Key, batch: AppliedBatch) -> None:
        row = self._open.get(key)
        if row is None or not row.takes(batch):
            if row is not None and row.unwritten:
                self._full.append(row)
            row = self._open[key] = _Row(key)
        row.batches.append(batch)
        while len(self._full) > MAX_FULL:
            self._health.count("journal_dropped", self._full.pop(0).unwritten)

    async def run(self) -> None:
        """Write what was noted, until cancelled, and then the rest."""
        await retry_until_available("journal: prepare", lambda: self._documents.prepare([PLACE]), self._health)
        try:
            while True:
                await asyncio.sleep(WRITE_INTERVAL_S)
                with contextlib.suppress(Unavailable):
                    await self._write()
        finally:
            await self._write_at_last()

    async def _write_at_last(self) -> None:
        try:
            async with asyncio.timeout(WRITE_AT_LAST_S):
                await self._write()
        except (TimeoutError, Unavailable):
            logger.info("the last batches were not written to the journal")

    async def _write(self) -> None:
        """Write all rows that have grown; what the store refuses is left out. Raises `Unavailable`: they are written
        the next time then.
        """
        rows = [(row, len(row.batches)) for row in (*self._full, *self._open.values()) if row.unwritten]
        if not rows:
            return
        try:
            writes = [
                write_of(row.key.processor, row.key.at, row.key.epoch, row.batches[:count], known=row.written > 0)
                for row, count in rows
            ]
            await self._documents.save(Changes([(PLACE, writes)], []))
        except (StoreBroken, RowTooLarge, DataLost) as error:
            self._health.count("journal_dropped", sum(row.unwritten for row, _ in rows))
            logger.warning("a part of the journal was not written: %s", error)
            for row, _ in rows:
                self._open.pop(row.key, None)
        for row, count in rows:
            row.written = count
        self._full = [row for row in self._full if row.unwritten]
