"""Says what each processor made of the records of a trace: whether its read model has them, and since when.

Whether is known from its checkpoint; when from the journal of batches, as long as that is kept.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import structs

from core.positions import position
from projections.journal.batch_rows import AppliedBatch
from schemas.topics import Partition
from schemas.wire.trace import TraceApplication, TraceEntry, TraceRecord


class Reader(NamedTuple):
    """A processor: the name of its read model, the topics it reads, and whether it takes events of a type."""

    name: str
    topics: frozenset[str]
    takes: Callable[[str], bool]

    def reads(self, record: TraceRecord) -> bool:
        """Return whether it makes anything of this record."""
        return record.topic in self.topics and self.takes(record.type)


class Known(NamedTuple):
    """What is known of a reader: its checkpoints, and the batches of the journal in each partition that were found."""

    passed: Mapping[Partition, int]
    batches: Mapping[Partition, Sequence[AppliedBatch]]


NOTHING: Final = Known({}, {})


def at(record: TraceRecord) -> Partition:
    """Return the partition of a record."""
    return Partition(record.topic, record.partition)


def offsets_of(records: Iterable[TraceRecord], reader: Reader) -> dict[Partition, list[int]]:
    """Return the offsets of the records that this reader reads, in their order, by partition."""
    found: dict[Partition, list[int]] = {}
    for record in sorted((one for one in records if reader.reads(one)), key=lambda one: one.offset):
        found.setdefault(at(record), []).append(record.offset)
    return found


def batch_with(offset: int, batches: Sequence[AppliedBatch]) -> AppliedBatch | None:
    """Return the first saved of the batches with this offset: a later one has repeated it."""
    having = (one for one in batches if one.first <= offset < one.after)
    return min(having, key=lambda one: one.saved_ms, default=None)


def with_applications(
    entries: Iterable[TraceEntry], readers: Sequence[Reader], known: Mapping[str, Known], epoch: int
) -> list[TraceEntry]:
    """Return the entries, and what each reader made of them, in the order of the readers."""
    return [
        structs.replace(entry, applications=list(_applications(entry.record, readers, known, epoch)))
        for entry in entries
    ]


def _applications(
    record: TraceRecord, readers: Sequence[Reader], known: Mapping[str, Known], epoch: int
) -> Iterator[TraceApplication]:
    place = at(record)
    for reader in readers:
        if not reader.reads(record):
            continue
        passed, batches = known.get(reader.name, NOTHING)
        if passed.get(place, 0) <= position(epoch, record.offset):
            yield TraceApplication(processor=reader.name, applied=False)
        elif (batch := batch_with(record.offset, batches.get(place, ()))) is None:
            yield TraceApplication(processor=reader.name, applied=True)
        else:
            yield TraceApplication(
                processor=reader.name,
                applied=True,
                began_ms=batch.began_ms,
                saved_ms=batch.saved_ms,
                emitted_ms=batch.emitted_ms,
                latency_ms=batch.saved_ms - record.recorded_ms if record.recorded_ms else None,
            )
