"""The event log: append-only topics of fixed partitions, in order per key, durable when it says so."""

from asyncio import Future
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import ClassVar, Protocol

import msgspec

from schemas.envelope import Headers, Record
from schemas.topics import Partition


class Received(msgspec.Struct, frozen=True):
    """A record as it lies in the log. `position` is its place (`core.positions`), `offset` counts from 0."""

    topic: str
    partition: int
    offset: int
    position: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int = 0

    def at(self) -> Partition:
        """The partition it lies in."""
        return Partition(self.topic, self.partition)


class Unavailable(Exception):
    """A server is down or its queue is full: nothing was done, and the same call may succeed later."""


class OutcomeUnknown(Exception):
    """An append timed out: the record may be in the log once, or not at all."""


class LogTruncated(Exception):
    """The log does not keep what a read asked for: its begin lies behind it, or its end before it."""


class DataDamaged(Exception):
    """A file of an embedded system is damaged. Waiting does not mend it: nobody goes on with it. Says which file, what
    was found there, and what to do.
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
    """The truth.

    - `append` returns at once with a future; it completes when the record is durable (replicated, synced), with its
      position. Records of one key appended by one process lie in the order of the calls, also when an append is
      retried inside. The future fails with `Unavailable` (not in the log) or `OutcomeUnknown` (perhaps, once).
    - A record is in the log once or not at all, whole; what a reader has seen stays, in the same place.
    - `read` yields each partition's records in order without holes, from `start` on (a missing partition is not
      read). Without `until` it goes on for ever and waits for more; with `until` it ends when each partition in it
      has been read up to that offset (exclusive). Servers that are down are waited for inside. A file that is damaged
      ends it with `LogDamaged`.
    - `begins` and `ends` are offsets: of the first record kept and of the next to come; an end counts every append
      acknowledged before the call, by whomever. They raise `Unavailable`.
    - `epoch` is a number of the log's own, written at its birth and raised when it begins anew; known after `start`.
      `raise_epoch` is for who has the log alone: reads and appends of before end, and every record has a position in
      the new epoch afterwards, at the offset it had.
    """

    @property
    def epoch(self) -> int:
        """The log's epoch, at least 1."""
        ...

    async def start(self) -> None:
        """Connect, waiting for servers with backoff."""
        ...

    async def stop(self) -> None:
        """Flush what was appended and let go; appends that cannot be flushed fail."""
        ...

    def append(self, record: Record) -> Future[int]:
        """Append one record; its position when it is durable."""
        ...

    def read(
        self, start: Mapping[Partition, int], until: Mapping[Partition, int] | None = None, *, limit: int = 1000
    ) -> AsyncIterator[Sequence[Received]]:
        """Batches of up to `limit` records from these offsets on."""
        ...

    async def begins(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The first offset kept of each partition."""
        ...

    async def raise_epoch(self, epoch: int) -> None:
        """Begin this epoch, which is greater than the log's; durable when it returns. Raises ValueError for another."""
        ...

    async def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The next offset of each partition."""
        ...
