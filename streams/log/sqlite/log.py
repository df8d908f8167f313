"""The SQLite log is an event log in one file: Kafka's topics and partitions for one process."""

import asyncio
from asyncio import Future
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from core.damage import Damage
from core.ports.event_log import LogDamaged, Received, Unavailable
from projections.stores.sqlite_thread import SqliteThread
from schemas.envelope import Record
from schemas.topics import Partition
from streams.log.end_notifier import EndNotifier
from streams.log.progress import Progress
from streams.log.sqlite import check, file
from streams.log.sqlite.file import Group
from streams.log.sqlite.writer import PLACES, Writer
from streams.log.tail import Tail

POLL_S: Final = 0.05
"""Interval, in seconds, at which a reader in another process looks for new records."""

_RETRY_S: Final = 0.2
_WAL_PAGES: Final = 2_000
_CHECK_S: Final = 2.0
_CLOSED: Final = "the log is not running"


@dataclass(frozen=True, slots=True)
class Limits:
    """Maximum number and size of what a log keeps in memory: appends that wait for the disk, and the newest records for
    readers at the end.
    """

    waiting_records: int = 100_000
    waiting_bytes: int = 64 << 20
    tail_records: int = 10_000
    tail_bytes: int = 16 << 20


class SqliteLog:
    """An EventLog in a file. It keeps everything; a record without a key goes to partition 0.

    One process writes and holds a lock while it does: another one gets `AlreadyWriting` from `start`. Any number of
    processes read beside it with `read_only`; they look for new records every 50 ms, while readers in the writing
    process are notified. WAL with `synchronous=FULL`: what is acknowledged survives `kill -9` and a power failure.

    Damage to the file is found at the writer's start, as far as there is time to check, and by every reader of the
    damaged part: rows have checksums, except those that a version without them wrote.
    """

    def __init__(
        self, path: Path, *, read_only: bool = False, limits: Limits | None = None, damage: Damage | None = None
    ) -> None:
        self._path = path
        self._limits = limits or Limits()
        self._read_only = read_only
        self._reader = SqliteThread(path, "log-reader", read_only=True, damaged=LogDamaged, damage=damage)
        self._writing = SqliteThread(
            path,
            "log-writer",
            synchronous="FULL",
            wal_pages=_WAL_PAGES,
            check_s=_CHECK_S,
            damaged=LogDamaged,
            damage=damage,
        )
        self._writer: Writer | None = None
        self._lock: IO[str] | None = None
        self._epoch = 0
        self._checked = True
        self._open = False
        self._end_notifier = EndNotifier()
        self._tail = Tail(0, 0)

    @property
    def epoch(self) -> int:
        """The log's epoch."""
        return self._epoch

    async def start(self) -> None:
        """Open the file; a reader waits until it exists. Raises `AlreadyWriting`, `Unavailable`, `LogDamaged`."""
        if self._open:
            return
        try:
            if not self._read_only:
                await self._start_writer()
            await self._start_reader()
        except BaseException:
            await self.stop()
            raise
        self._open = True

    async def _start_writer(self) -> None:
        self._lock = await asyncio.to_thread(file.lock, self._path)
        await self._writing.start()
        await self._writing.run(lambda connection: check.check(connection, self._path, list(PLACES)))
        await self._writing.run(file.prepare)
        self._tail = Tail(self._limits.tail_records, self._limits.tail_bytes)
        self._writer = Writer(
            self._writing,
            self._committed,
            records=self._limits.waiting_records,
            size=self._limits.waiting_bytes,
        )
        await self._writer.start()

    async def _start_reader(self) -> None:
        while True:
            try:
                await self._reader.start()
                self._epoch = await self._reader.run(file.epoch)
                self._checked = await self._reader.run(file.has_crc)
            except Unavailable:
                if not self._read_only:
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def stop(self) -> None:
        """Commit what was appended, close the file and release the lock; waiting readers get `Unavailable`."""
        self._open = False
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.stop()
        self._end_notifier.notify()
        await self._reader.stop()
        await self._writing.stop()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def append(self, record: Record) -> Future[int]:
        """Append one record; the future has its position when it is synced."""
        if self._writer is not None:
            return self._writer.append(record)
        future: Future[int] = asyncio.get_running_loop().create_future()
        future.set_exception(Unavailable("the log is open for reading only" if self._read_only else _CLOSED))
        return future

    def _committed(self, group: Group) -> None:
        for place, records in group.added.items():
            self._tail.add(place, records)
        # Soon and not now: who appended is answered before readers work.
        topics = {place.topic for place in group.added}
        asyncio.get_running_loop().call_soon(self._end_notifier.notify, topics)

    async def read(
        self, start: Mapping[Partition, int], until: Mapping[Partition, int] | None = None, *, limit: int = 1000
    ) -> AsyncGenerator[Sequence[Received], None]:
        """Yield batches of up to `limit` records from these offsets on. Raises `LogDamaged`."""
        progress = Progress(start, until)
        while not progress.is_complete():
            await asyncio.sleep(0)
            self._check()
            try:
                batch = await self._next(progress, limit)
            except Unavailable:
                await asyncio.sleep(_RETRY_S)
                continue
            if batch:
                yield batch
            else:
                await self._more(progress.topics)

    async def _next(self, progress: Progress, limit: int) -> list[Received]:
        """Return the available records, from memory where possible. Raises `Unavailable` if it could read nothing."""
        batch: list[Received] = []
        for place, offset, end in progress.available(await self._all_ends()):
            stop = min(end, offset + limit - len(batch))
            found = self._tail.read(place, offset, stop)
            if found is None:
                try:
                    found = await self._from_file(place, offset, stop)
                except Unavailable:
                    if batch:
                        break
                    raise
            progress.advance(place, found)
            batch += found
            if len(batch) >= limit:
                break
        return batch

    async def _from_file(self, place: Partition, offset: int, stop: int) -> Sequence[Received]:
        return await self._reader.run(
            lambda connection: file.read(connection, self._epoch, place, offset, stop, checked=self._checked)
        )

    async def _more(self, topics: Collection[str]) -> None:
        """Wait until these topics may have new records. A notified reader has awaited nothing since its last check."""
        if self._read_only:
            await asyncio.sleep(POLL_S)
        else:
            await self._end_notifier.wait(topics)

    async def _all_ends(self) -> Mapping[Partition, int]:
        if self._writer is not None:
            return self._writer.ends
        return await self._reader.run(lambda connection: file.ends(connection, PLACES))

    async def raise_epoch(self, epoch: int) -> None:
        """Set this epoch, and restart the log."""
        await self._writing.run(lambda connection: file.begin_epoch(connection, epoch))
        await self.stop()
        await self.start()

    async def beginning_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return 0 for each partition: everything is kept."""
        self._check()
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the next offset of each partition. Raises `LogDamaged`."""
        self._check()
        found = await self._all_ends()
        self._writing.require_same_file()
        return {place: found[place] for place in partitions}

    def _check(self) -> None:
        if not self._open:
            raise Unavailable(_CLOSED)
