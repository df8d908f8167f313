"""Writer is the only writer of an SQLite log: records appended while a commit runs go into the next one, in order.

Those of some topics wait a moment for others, which their commit has too.
"""

import asyncio
import logging
import math
import sqlite3
import time
from asyncio import Future, Task, TimerHandle
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from core.ports.event_log import LogDamaged, OutcomeUnknown, Unavailable
from projections.stores.sqlite_thread import SqliteThread
from schemas.envelope import Record
from schemas.topics import MESSAGE_DELIVERED, TOPICS, Partition, partitions
from streams.log.sqlite import file
from streams.log.sqlite.file import Group

logger: Final = logging.getLogger("caas.sqlite")
PLACES: Final = partitions(*TOPICS)
GROUP_RECORDS: Final = 10_000
"""Maximum number of records in one commit, so that under overload acknowledgments still come in a steady stream."""

PATIENT: Final = frozenset({MESSAGE_DELIVERED})
"""Topics whose records wait for others, so that one commit has them all: most of theirs derive from another record, one
for each batch of `messages`, and a commit costs more than all the rest of an append.
"""
PATIENCE_S: Final = 0.02
"""Maximum time for which they wait; they do not wait at all where other records come less often."""

_HEADER_BYTES: Final = 64
Waiting = tuple[Record, Future[int]]


class Writer:
    """Appends records through a writing thread. `committed` is called with each group, on the event loop, before the
    futures of its records complete.

    - At most `records` records or `size` bytes wait; further appends fail with `Unavailable`.
    - A commit that fails fails its records: with `Unavailable` when they are not in the log, with `OutcomeUnknown` when
      the disk failed and cannot be read. The next commit first reads from the file where it ends.
    - Where the file is damaged there is no retry: appends fail with `Unavailable` from then on.
    """

    def __init__(self, thread: SqliteThread, committed: Callable[[Group], None], *, records: int, size: int) -> None:
        self.epoch = 0
        self.ends: dict[Partition, int] = {}
        self._thread = thread
        self._committed = committed
        self._room, self._size = records, size
        self._waiting: deque[Waiting] = deque()
        self._work = asyncio.Event()
        self._patience: TimerHandle | None = None
        self._urgent_at = (-math.inf, -math.inf)
        self._open = False
        self._ends_known = True
        self._task: Task[None] | None = None

    async def start(self) -> None:
        """Read where the file ends, and start. Raises `Unavailable`."""
        self.epoch = await self._thread.run(file.epoch)
        self.ends = await self._thread.run(_ends)
        self._open = True
        self._task = asyncio.create_task(self._run(), name="log-writer")

    async def stop(self) -> None:
        """Commit the waiting records, and stop."""
        self._open = False
        self._work.set()
        task, self._task = self._task, None
        if task is not None:
            await task

    def append(self, record: Record) -> Future[int]:
        """Put a record in the queue; the future has its position when it is synced."""
        future: Future[int] = asyncio.get_running_loop().create_future()
        size = _size(record)
        if not self._open:
            future.set_exception(Unavailable("the log is not running"))
        elif self._room < 1 or self._size < size:
            future.set_exception(Unavailable("too many appends wait for the disk"))
        else:
            self._room -= 1
            self._size -= size
            self._waiting.append((record, future))
            self._write_soon(record.topic)
        return future

    def _write_soon(self, topic: str) -> None:
        """Begin a commit; a record that may wait begins it later, if there will be another one first."""
        loop = asyncio.get_running_loop()
        before, last = self._urgent_at
        if topic not in PATIENT:
            self._urgent_at = last, loop.time()
        elif last - before < PATIENCE_S:
            if self._patience is None:
                self._patience = loop.call_later(PATIENCE_S, self._work.set)
            return
        self._work.set()

    async def _run(self) -> None:
        try:
            while self._open or self._waiting:
                await self._work.wait()
                self._work.clear()
                taken = self._take()
                if self._waiting:
                    self._work.set()
                if taken:
                    await self._write(taken)
        except LogDamaged as damage:
            logger.error("the log accepts no more appends: %s", damage)
        finally:
            self._open = False
            _fail([future for _, future in self._take(len(self._waiting))], Unavailable("the log has stopped"))

    def _take(self, limit: int | None = None) -> list[Waiting]:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        limit = GROUP_RECORDS if limit is None else limit
        taken = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
        self._room += len(taken)
        self._size += sum(_size(record) for record, _ in taken)
        return taken

    async def _write(self, taken: Sequence[Waiting]) -> None:
        """Commit these records and complete their futures."""
        futures = [future for _, future in taken]
        try:
            group = await self._commit([record for record, _ in taken])
        except (Unavailable, OutcomeUnknown) as failure:
            _fail(futures, failure)
        except BaseException:
            _fail(futures, OutcomeUnknown("the log was stopped while it wrote"))
            raise
        else:
            for future, one in zip(futures, group.received, strict=True):
                if not future.done():
                    future.set_result(one.position)

    async def _commit(self, records: Sequence[Record]) -> Group:
        if not self._ends_known:
            self.ends, self._ends_known = await self._thread.run(_checkpointed_ends), True
        # For people to read, like a broker's clock: nothing is ordered by it.
        now_ms = time.time_ns() // 1_000_000
        group = file.assign_offsets(records, self.ends, epoch=self.epoch, at_ms=now_ms)
        try:
            await self._thread.run(lambda connection: file.insert(connection, group))
        except Unavailable as failure:
            if not _disk_failed(failure) or not await self._was_committed(group):
                raise
        self.ends.update(group.ends())
        self._committed(group)
        return group

    async def _was_committed(self, group: Group) -> bool:
        """Return whether the file, opened again, has what the disk failed to confirm. Raises `OutcomeUnknown`."""
        self._ends_known = False
        try:
            found = await self._thread.run(_checkpointed_ends)
        except Unavailable as failure:
            raise OutcomeUnknown(str(failure)) from failure
        self.ends, self._ends_known = found, True
        return all(found[place] == end for place, end in group.ends().items())


def _ends(connection: sqlite3.Connection) -> dict[Partition, int]:
    return file.ends(connection, PLACES)


def _checkpointed_ends(connection: sqlite3.Connection) -> dict[Partition, int]:
    """Return where the log finally ends: every valid commit is moved into the main file, and what a failed commit may
    have left in the WAL cannot reappear. Raises sqlite3.OperationalError.
    """
    [busy, _, _] = connection.execute("PRAGMA wal_checkpoint (TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("readers hold the write-ahead log")
    return _ends(connection)


def _disk_failed(failure: Unavailable) -> bool:
    """Return whether a commit may have reached the disk before it failed; a full disk or a lock stop it before."""
    code = getattr(failure.__cause__, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_IOERR


def _fail(futures: Sequence[Future[int]], failure: Unavailable | OutcomeUnknown) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(type(failure)(*failure.args))


def _size(record: Record) -> int:
    return len(record.key or b"") + len(record.value or b"") + _HEADER_BYTES * len(record.headers)
