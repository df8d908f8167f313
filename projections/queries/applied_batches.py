"""AppliedBatches finds in the journal when processors applied the records of a trace."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from core.ports.documents import Documents
from core.positions import position
from projections.journal import batch_rows
from projections.journal.batch_rows import AppliedBatch
from projections.progress import Progress
from projections.trace.applications import Known, Reader, offsets_of
from schemas.topics import Partition
from schemas.wire.trace import TraceRecord

MAX_LOOKUPS: Final = 200
"""Maximum number of rows of the journal that are read for one trace; of the records beyond the times are not known."""


class AppliedBatches:
    """The journal and the checkpoints of these readers; `progress` knows their generations."""

    def __init__(self, documents: Documents, progress: Progress, readers: Sequence[Reader]) -> None:
        self._documents = documents
        self._progress = progress
        self._readers = readers

    async def known(self, records: Collection[TraceRecord], epoch: int) -> dict[str, Known]:
        """Return what is known of each reader of these records. Raises `Unavailable`."""
        wanted = {reader.name: offsets_of(records, reader) for reader in self._readers}
        names = [name for name, places in wanted.items() if places]
        passed = await asyncio.gather(*(self._progress.passed(name) for name in names))
        lookups = [(name, place, offsets) for name in names for place, offsets in wanted[name].items()]
        each = max(1, MAX_LOOKUPS // max(1, len(lookups)))
        found = await asyncio.gather(*(self._batches(*one, epoch, each) for one in lookups[:MAX_LOOKUPS]))
        batches: dict[str, dict[Partition, Sequence[AppliedBatch]]] = {name: {} for name in names}
        for (name, place, _), some in zip(lookups, found, strict=False):
            batches[name][place] = some
        return {name: Known(at, batches[name]) for name, at in zip(names, passed, strict=True)}

    async def _batches(
        self, name: str, place: Partition, offsets: Sequence[int], epoch: int, limit: int
    ) -> list[AppliedBatch]:
        """Return the batches of a reader that have these offsets, from at most `limit` rows."""
        found: list[AppliedBatch] = []
        asked = name, batch_rows.partition_of(place)
        for offset in offsets:
            if any(one.first <= offset < one.after for one in found):
                continue
            if limit <= 0:
                break
            limit -= 1
            low = position(epoch, offset) + 1
            rows = await self._documents.find(batch_rows.PLACE, batch_rows.COVERING.name, asked, low=low, limit=1)
            if not rows:
                break  # the journal ends before it, and before those behind it
            found += batch_rows.batches_of(rows[0], epoch)
        return found
