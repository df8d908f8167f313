"""The event log as a list per partition: what the guarantees mean, without a disk, a thread or a clock."""

import asyncio
from asyncio import Future
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

from msgspec import structs

from core.ports.event_log import Received, Unavailable
from core.positions import position
from schemas.envelope import Record
from schemas.topics import TOPICS, Partition, partition_of, partitions
from streams.log.end_notifier import Bell
from streams.log.progress import Progress


class Held:
    """What a log holds. It outlives the `MemoryLog`s that write to it and read from it, as a server outlives its
    clients; several of them share one.
    """

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = epoch
        self.records: dict[Partition, list[Received]] = {place: [] for place in partitions(*TOPICS)}
        self.bell = Bell()

    def put(self, record: Record) -> int:
        """Add a record at the end of its partition; its position. Without a key it lies in partition 0."""
        place = Partition(record.topic, 0) if record.key is None else partition_of(record.topic, record.key)
        offset = len(self.records[place])
        at = position(self.epoch, offset)
        self.records[place].append(Received(*place, offset, at, record.key, record.value, record.headers))
        self.bell.ring()
        return at

    def ends(self, places: Iterable[Partition]) -> dict[Partition, int]:
        """The next offset of each partition."""
        return {place: len(self.records[place]) for place in places}

    def begin(self, epoch: int) -> None:
        """Move every record into a greater epoch. Raises ValueError for another."""
        if epoch <= self.epoch:
            raise ValueError(f"epoch {epoch} is not greater than {self.epoch}")
        self.epoch = epoch
        for place, records in self.records.items():
            self.records[place] = [structs.replace(one, position=position(epoch, one.offset)) for one in records]


class MemoryLog:
    """An EventLog in memory. An append is in the log, and its future complete, in a later turn of the event loop.

    Deterministic: the same calls in the same turns leave the same log. Timestamps are 0.
    """

    def __init__(self, held: Held | None = None) -> None:
        self.held = held if held is not None else Held()
        self._open = False
        self._flying = 0

    @property
    def epoch(self) -> int:
        """The log's epoch."""
        return self.held.epoch

    async def start(self) -> None:
        """Begin, or begin again, with what is held."""
        await asyncio.sleep(0)
        self._open = True

    async def stop(self) -> None:
        """Wait for what was appended; whoever still reads through this object gets `Unavailable`."""
        self._open = False
        while self._flying:  # noqa: ASYNC110 - one turn is all it takes
            await asyncio.sleep(0)
        self.held.bell.ring()

    def append(self, record: Record) -> Future[int]:
        """Append one record; its position, in a later turn."""
        loop = asyncio.get_running_loop()
        future: Future[int] = loop.create_future()
        if self._open:
            self._flying += 1
            loop.call_soon(self._put, record, future)
        else:
            future.set_exception(Unavailable("the log is not running"))
        return future

    def _put(self, record: Record, future: Future[int]) -> None:
        self._flying -= 1
        at = self.held.put(record)
        if not future.done():
            future.set_result(at)

    async def read(
        self, start: Mapping[Partition, int], until: Mapping[Partition, int] | None = None, *, limit: int = 1000
    ) -> AsyncGenerator[Sequence[Received], None]:
        """Batches of up to `limit` records from these offsets on."""
        progress = Progress(start, until)
        while not progress.over():
            await asyncio.sleep(0)
            if not self._open:
                raise Unavailable("the log is not running")
            if batch := self._next(progress, limit):
                yield batch
            else:
                await self.held.bell.heard()

    def _next(self, progress: Progress, limit: int) -> list[Received]:
        batch: list[Received] = []
        for place, offset, stop in progress.open_to(self.held.ends(progress.at)):
            found = self.held.records[place][offset : min(stop, offset + limit - len(batch))]
            progress.advance(place, found)
            batch += found
            if len(batch) >= limit:
                break
        return batch

    async def raise_epoch(self, epoch: int) -> None:
        """Every record moves into this epoch."""
        await self.stop()
        self.held.begin(epoch)
        await self.start()

    async def begins(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """0 for each: everything is kept."""
        await asyncio.sleep(0)
        self._check()
        return dict.fromkeys(partitions, 0)

    async def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The next offset of each partition."""
        await asyncio.sleep(0)
        self._check()
        return self.held.ends(partitions)

    def _check(self) -> None:
        if not self._open:
            raise Unavailable("the log is not running")
