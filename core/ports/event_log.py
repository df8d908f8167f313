"""EventLog is the append-only log: topics of fixed partitions, ordered per key, durable once acknowledged."""

from asyncio import Future
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import ClassVar, Final, Protocol

import msgspec

from schemas.envelope import Headers, Record
from schemas.topics import TOPICS, Partition

_PARTITIONS: Final = {name: topic.all_partitions() for name, topic in TOPICS.items()}
"""The partitions, made once: every reader asks for those of each record."""


class Received(msgspec.Struct, frozen=True):
    """A record read from the log. `position` is its place (`core.positions`), `offset` counts from 0."""

    topic: str
    partition: int
    offset: int
    position: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int = 0

    def at(self) -> Partition:
        """Return the partition of the record."""
        found = _PARTITIONS.get(self.topic, ())
        return found[self.partition] if self.partition < len(found) else Partition(self.topic, self.partition)


class Unavailable(Exception):
    """A server is down or its queue is full: nothing was done, and a retry may succeed."""


class OutcomeUnknown(Exception):
    """An append timed out: the record may be in the log once, or not at all."""


class AlreadyWriting(Exception):
    """Another process writes to this log."""


class LogTruncated(Exception):
    """The log does not have the offset of a read: its beginning is after it, or its end before it."""


class DataDamaged(Exception):
    """A file of an embedded system is damaged. A retry does not repair it: the process stops. The message has the file,
    the damage that was found, and the remedy.
    """

    repair: ClassVar[str] = (
        "stop the system, move the file away together with its -wal and -shm, and start again:"
        " it is made again from the log"
    )

    def __init__(self, path: object, found: str) -> None:
        super().__init__(f"{path} is damaged: {' '.join(found.split())}; {self.repair}")


class LogDamaged(DataDamaged):
    """The log's own file is damaged: a record in it is not what was appended, or is missing."""

    repair: ClassVar[str] = (
        "stop the system, move the file away together with its -wal and -shm, and restore it from a backup:"
        " `caas log adopt` then says what is lost"
    )


class EventLog(Protocol):
    """The event log: the source of truth.

    - `append` returns a future at once; it completes when the record is durable (replicated, synced), with its
      position. Records of one key appended by one process are in the order of the calls, also when an append is
      retried internally. The future fails with `Unavailable` (not in the log) or `OutcomeUnknown` (perhaps, once).
    - A record is in the log once or not at all, and complete; a record that was read stays, at the same position.
    - `read` yields each partition's records in order without gaps, from `start` on (a missing partition is not read).
      Without `until` it never ends and waits for more; with `until` it ends when each partition in it has been read up
      to that offset (exclusive). It waits for servers that are down. A damaged file ends it with `LogDamaged`.
    - `beginning_offsets` and `end_offsets` return the offset of the first record kept and of the next record; an end
      counts every append, of any process, acknowledged before the call. They raise `Unavailable`.
    - `epoch` is stored in the log, written when it is created and raised when it starts anew; known after `start`.
      `raise_epoch` needs exclusive use of the log: earlier reads and appends end, and afterwards every record has a
      position in the new epoch, at its old offset.
    """

    @property
    def epoch(self) -> int:
        """The log's epoch, at least 1."""
        ...

    async def start(self) -> None:
        """Connect, waiting for servers with backoff."""
        ...

    async def stop(self) -> None:
        """Flush the appended records and disconnect; appends that cannot be flushed fail."""
        ...

    def append(self, record: Record) -> Future[int]:
        """Append one record. The future has its position once it is durable."""
        ...

    def read(
        self, start: Mapping[Partition, int], until: Mapping[Partition, int] | None = None, *, limit: int = 1000
    ) -> AsyncIterator[Sequence[Received]]:
        """Iterate over batches of up to `limit` records, from these offsets on."""
        ...

    async def beginning_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the first offset kept of each partition."""
        ...

    async def raise_epoch(self, epoch: int) -> None:
        """Start this epoch, greater than the log's; durable on return. Raises ValueError if it is not greater."""
        ...

    async def end_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the next offset of each partition."""
        ...
