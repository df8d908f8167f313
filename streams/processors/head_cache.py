"""HeadCache keeps the heads of a processor's lanes in memory, so that a batch that follows the one before reads none.

A head depends on the records of one partition alone: after all of them up to a position it is the same, whoever
computes it. So heads that this worker computed are right as long as it reads each partition on from where it was,
whatever another worker saves meanwhile: the row of a record that another one has saved has the same number.
"""

from collections.abc import Collection, Sequence
from typing import Final

from core.ports.documents import Documents, Row, TableGeneration, Write
from projections.stores.facets import merged
from schemas.topics import Partition
from streams.runtime.processor import Batch

MAX_HEADS: Final = 20_000
"""Maximum number of rows that are kept; beyond it all are forgotten and read again."""


class HeadCache:
    """The heads in one table. Call `read`, and `saved` when the batch is saved: what is read and not saved is forgotten
    with all the rest.

    Each row has the number of the batch before which it was read. A row read before the first batch since which a
    partition is read on may lack what others saved of that partition: it is read again.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._rows: dict[str, tuple[int, Row | None]] = {}
        self._up_to: dict[Partition, int] = {}
        self._since: dict[Partition, int] = {}
        self._batches = 0
        self._of = (0, 0)
        self._saved = True

    async def read(self, batch: Batch, place: TableGeneration, keys: Collection[str]) -> dict[str, Row]:
        """Return the rows of these keys that exist, from the store where they are not known. Raises `Unavailable`."""
        if not self._saved or self._of != (batch.generation, batch.life):
            self._rows, self._up_to, self._since = {}, {}, {}
        self._saved, self._of = False, (batch.generation, batch.life)
        self._batches += 1
        since = self._read_on_since(batch)
        unknown = [key for key in keys if key not in self._rows or self._rows[key][0] < since]
        if unknown:
            found = await self._documents.get(place, unknown)
            self._rows |= {key: (self._batches, found.get(key)) for key in unknown}
        return {key: row for key in keys if (row := self._rows[key][1]) is not None}

    def _read_on_since(self, batch: Batch) -> int:
        """Return the first batch since which all partitions of this one are read on, each from where it was."""
        for at in batch.positions:
            if self._up_to.get(at) != batch.begins.get(at):
                self._since[at] = self._batches
        return max((self._since.get(at, 0) for at in batch.positions), default=self._batches)

    def saved(self, batch: Batch, heads: Sequence[Write]) -> None:
        """Keep the heads as this batch moved them. A batch without positions ends nowhere: nothing is kept of it."""
        self._saved = bool(batch.positions) and len(self._rows) <= MAX_HEADS
        self._up_to |= batch.positions
        for write in heads:
            read_before, known = self._rows.get(write.id, (self._batches, None))
            if (row := merged(known, write)) is not None:
                self._rows[write.id] = read_before, row
