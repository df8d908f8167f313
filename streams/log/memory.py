"""The memory log is an event log as a list per partition: it shows what the guarantees mean, without a disk, a thread
or a clock.
"""

import asyncio
from asyncio import Future
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

from msgspec import structs

from core.ports.event_log import Received, Unavailable
from core.positions import position
from schemas.envelope import Record
from schemas.topics import TOPICS, Partition, partition_of, partitions
from streams.log.end_notifier import EndNotifier
from streams.log.progress import Progress


class LogStorage:
    """The records of a log. They outlive the `MemoryLog`s that write and read them, as a server outlives its clients;
    several `MemoryLog`s can share one storage.
    """

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = epoch
        self.records: dict[Partition, list[Received]] = {place: [] for place in partitions(*TOPICS)}
        self.end_notifier = EndNotifier()

    def put(self, record: Record) -> int:
        """Append a record to its partition and return its position. A record without a key goes to partition 0."""
        place = partition_of(record.topic, record.key)
        offset = len(self.records[place])
        at = position(self.epoch, offset)
        self.records[place].append(Received(*place, offset, at, record.key, record.value, record.headers))
        self.end_notifier.notify((record.topic,))
        return at

    def end_offsets(self, places: Iterable[Partition]) -> dict[Partition, int]:
        """Return the next offset of each partition."""
        return {place: len(self.records[place]) for place in places}

    def begin(self, epoch: int) -> None:
        """Move every record into a greater epoch. Raises ValueError for an epoch that is not greater."""
        if epoch <= self.epoch:
            raise ValueError(f"epoch {epoch} is not greater than {self.epoch}")
        self.epoch = epoch
        for place, records in self.records.items():
            self.records[place] = [structs.replace(one, position=position(epoch, one.offset)) for one in records]


class MemoryLog:
    """An EventLog in memory. An append is in the log, and its future is complete, in a later turn of the event loop.

    Deterministic: the same calls in the same turns leave the same log. Timestamps are 0.
    """

    def __init__(self, storage: LogStorage | None = None) -> None:
        self.storage = storage if storage is not None else LogStorage()
        self._open = False
        self._pending = 0

    @property
    def epoch(self) -> int:
        """The log's epoch."""
        return self.storage.epoch

    async def start(self) -> None:
        """Start, or start again, with the records in the storage."""
        await asyncio.sleep(0)
        self._open = True

    async def stop(self) -> None:
        """Wait for pending appends; a reader that still reads through this object gets `Unavailable`."""
        self._open = False
        while self._pending:  # noqa: ASYNC110 - one turn is all it takes
            await asyncio.sleep(0)
        self.storage.end_notifier.notify()

    def append(self, record: Record) -> Future[int]:
        """Append one record; the future has its position, in a later turn."""
        loop = asyncio.get_running_loop()
        future: Future[int] = loop.create_future()
        if self._open:
            self._pending += 1
            loop.call_soon(self._put, record, future)
        else:
            future.set_exception(Unavailable("the log is not running"))
        return future

    def _put(self, record: Record, future: Future[int]) -> None:
        self._pending -= 1
        at = self.storage.put(record)
        if not future.done():
            future.set_result(at)

    async def read(
        self, start: Mapping[Partition, int], until: Mapping[Partition, int] | None = None, *, limit: int = 1000
    ) -> AsyncGenerator[Sequence[Received], None]:
        """Yield batches of up to `limit` records from these offsets on."""
        progress = Progress(start, until)
        while not progress.is_complete():
            await asyncio.sleep(0)
            if not self._open:
                raise Unavailable("the log is not running")
            if batch := self._next(progress, limit):
                yield batch
            else:
                await self.storage.end_notifier.wait(progress.topics)

    def _next(self, progress: Progress, limit: int) -> list[Received]:
        batch: list[Received] = []
        for place, offset, stop in progress.available(self.storage.end_offsets(progress.next_offsets)):
            found = self.storage.records[place][offset : min(stop, offset + limit - len(batch))]
            progress.advance(place, found)
            batch += found
            if len(batch) >= limit:
                break
        return batch

    async def raise_epoch(self, epoch: int) -> None:
        """Move every record into this epoch."""
        await self.stop()
        self.storage.begin(epoch)
        await self.start()

    async def beginning_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return 0 for each partition: everything is kept."""
        await asyncio.sleep(0)
        self._check()
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the next offset of each partition."""
        await asyncio.sleep(0)
        self._check()
        return self.storage.end_offsets(partitions)

    def _check(self) -> None:
        if not self._open:
            raise Unavailable("the log is not running")
