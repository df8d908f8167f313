"""Packs batches into rows of the journal: one row for the batches of a processor in a partition within a minute or so.

The row's id is `processor topic/partition offset time`, of its first batch. Facet `batches`: `{pos, epoch, after, time,
each}`: how many batches there are, since a row that grew is newer; the log's epoch; the position after the last record;
when the first batch was saved; and of each batch its first offset, the one after its last, when it was begun, and how
much later it was saved and emitted. Times are those of the worker, in milliseconds, `time` and the begin since 1970.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from core.ports.documents import Index, Row, Table, TableGeneration, Write
from core.positions import position
from projections.expiry import aged_by
from schemas.topics import Partition

MODEL: Final = "journal"
FACET: Final = "batches"
COVERING: Final = Index("covering", ("processor", "partition"), f"{FACET}.after")
BATCHES: Final = Table(MODEL, "batches", (COVERING, aged_by(f"{FACET}.time")))
PLACE: Final = TableGeneration(BATCHES, 1)
"""The journal has one generation: it is of all generations of the read models."""


class AppliedBatch(NamedTuple):
    """The part of a batch that is of one partition: offsets from `first` up to `after`, and when it was begun, saved,
    and emitted, in milliseconds since 1970.
    """

    first: int
    after: int
    began_ms: int
    saved_ms: int
    emitted_ms: int


def write_of(
    processor: str, at: Partition, epoch: int, batches: Sequence[AppliedBatch], *, known: bool = False
) -> Write:
    """Return the row of these batches, one at least, in the order in which they were applied. `known`: the store has
    the row with fewer of them.
    """
    begin = batches[0]
    partition = partition_of(at)
    facet: dict[str, Any] = {
        "pos": len(batches),
        "epoch": epoch,
        "after": position(epoch, max(one.after for one in batches)),
        "time": begin.saved_ms,
        "each": [
            [one.first, one.after, one.began_ms, one.saved_ms - one.began_ms, one.emitted_ms - one.began_ms]
            for one in batches
        ],
    }
    row_id = f"{processor} {partition} {begin.first} {begin.began_ms}"
    return Write(row_id, {"processor": processor, "partition": partition}, {FACET: facet}, exists=known)


def batches_of(row: Row, epoch: int) -> list[AppliedBatch]:
    """Return the batches of a row; none if it is of another epoch of the log."""
    facet = row[FACET]
    if facet["epoch"] != epoch:
        return []
    return [
        AppliedBatch(first, after, began, began + saved, began + emitted)
        for first, after, began, saved, emitted in facet["each"]
    ]


def partition_of(at: Partition) -> str:
    """Return a partition's name in a row."""
    return f"{at.topic}/{at.number}"
