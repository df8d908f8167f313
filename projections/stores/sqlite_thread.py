"""Runs one SQLite connection on its own thread: statements run one after the other, and the event loop never waits.

Small work may run on the loop's own thread instead, while the connection is free: a thread there and back costs more
than it.

The `sqlite3` module releases the interpreter lock at every step and gets it back only when the event loop pauses: with
one row per step, 500 rows take tens of milliseconds beside a busy loop. So callers put many rows into one step: lists
go in as one JSON parameter (`json_each`), and come out as one JSON text (`group_concat`).
"""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar, cast

import msgspec

from core.damage import Damage
from core.ports.event_log import DataDamaged, Unavailable
from projections.stores.sqlite_connection import (
    BUSY_TIMEOUT_S,
    WAL_PAGES,
    Synchronous,
    connect,
    identity_of,
    within,
)

logger: Final = logging.getLogger("caas.sqlite")
BUSY_POLL_S: Final = 0.002
"""Interval at which a connection that is used by two threads tries again what another process locks."""

CHECK_TIMEOUT_S: Final = 1.0
"""Timeout of the check of a file at its start, in seconds."""

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_DAMAGED_TEXT: Final = ("Could not decode to UTF-8", "malformed JSON")
"""The beginnings of errors that have no error code."""

T = TypeVar("T")


class Broken(Exception):
    """Damage that the work of `SqliteThread.run` finds in the file; `run` adds which file it is."""


class SqliteThread:
    """A thread with a connection. `run` raises `Unavailable` when it is not started, or when SQLite reports that the
    file is locked, full, unreadable or missing; then nothing was done.

    It raises `damaged` if SQLite or `work` finds the file damaged, also in the check at the start, which takes up to
    `check_s` seconds and is only for files that are written; and if the file was replaced or deleted, unless it is
    `replaceable`: its writes are lost then. Every such error is reported to `damage` too.

    With `shared` work that is `small` runs on the caller's thread; nothing may then wait for a lock there, also not for
    a move of the write-ahead log into the file (`wal_pages` 0: its owner moves it).
    """

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        read_only: bool = False,
        synchronous: Synchronous = "NORMAL",
        wal_pages: int = WAL_PAGES,
        check_s: float = CHECK_TIMEOUT_S,
        damaged: type[DataDamaged] = DataDamaged,
        damage: Damage | None = None,
        replaceable: bool = False,
        shared: bool = False,
    ) -> None:
        self._path = path
        self._replaceable = replaceable
        self._opened: tuple[int, int] | None = None
        self._name = name
        self._read_only = read_only
        self._synchronous = synchronous
        self._wal_pages = wal_pages
        self._check_s = check_s
        self._damaged = damaged
        self._damage = damage or Damage()
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._shared = shared
        self._using = threading.Lock()
        """Held while one of two threads uses the connection: work goes on when its caller was cancelled."""
        self.waiting = 0
        """Number of calls that have not finished yet."""

    async def start(self, *statements: str) -> None:
        """Open the file, check it and execute these statements. Raises `Unavailable`, `DataDamaged`."""
        if self._thread is not None:
            return
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self._name)
        try:
            if not self._read_only:
                await self.run(self._check)
            await self.run(lambda connection: _execute(connection, statements))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Finish what runs and close the file."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._close_unused)
            thread.shutdown(wait=False)
            self._opened = None

    async def run(self, work: Callable[[sqlite3.Connection], T], *, small: bool = False) -> T:
        """Return the result of `work`; it runs to its end even if the caller is cancelled. `work` may run again from
        its beginning where another process has locked the file.
        """
        if self._thread is None:
            raise Unavailable(f"{self._path} is not open")
        self.waiting += 1
        try:
            if small and self._shared and self.waiting == 1 and (done := self._work_here(work)) is not None:
                return done[0]
            answer = await asyncio.get_running_loop().run_in_executor(self._thread, self._wait_and_work, work)
        except sqlite3.OperationalError as error:
            raise Unavailable(f"{self._path}: {error}") from error
        except DataDamaged as error:
            self._damage.report(error)
            raise
        finally:
            self.waiting -= 1
        return answer

    def require_same_file(self) -> None:
        """Raise `damaged` if the opened file was replaced or deleted."""
        try:
            self._check_same_file()
        except DataDamaged as error:
            self._damage.report(error)
            raise

    def _check_same_file(self) -> None:
        if self._opened is None or self._replaceable or identity_of(self._path) == self._opened:
            return
        raise self._damaged(self._path, "it was replaced or deleted while it was open")

    def _check(self, connection: sqlite3.Connection) -> None:
        """Check every page, until the timeout. Raises `Broken`."""
        found = within(connection, self._check_s, lambda one: one.execute("PRAGMA quick_check(1)").fetchall())
        if found is None:
            logger.info("%s: only a part of it was checked, for %.0f s", self._path, self._check_s)
        elif found != [("ok",)]:
            raise Broken(str(found[0][0]))

    def _work_here(self, work: Callable[[sqlite3.Connection], T]) -> tuple[T] | None:
        """Work on the caller's thread. Return None where that would have to wait."""
        if not self._using.acquire(blocking=False):
            return None
        try:
            return (self._work(work),)
        except _Locked:
            return None
        finally:
            self._using.release()

    def _wait_and_work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Work on this connection's own thread, and wait for what another process locks."""
        ends = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                with self._using:
                    return self._work(work)
            except _Locked as error:
                if time.monotonic() > ends:
                    raise sqlite3.OperationalError(str(error)) from error
                time.sleep(BUSY_POLL_S)

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._open()
            answer = work(cast("sqlite3.Connection", self._connection))
        except (sqlite3.Error, msgspec.DecodeError, Broken) as error:
            if self._shared and _is_locked(error):
                raise _Locked(str(error)) from error
            # An I/O error may leave a connection permanently unusable; the next call opens a new one.
            self._close()
            if _is_damage(error):
                raise self._damaged(self._path, str(error)) from error
            raise
        self._check_same_file()  # on this thread: a system call on the loop's lets the others take the interpreter lock
        return answer

    def _open(self) -> None:
        connection = connect(
            self._path, read_only=self._read_only, synchronous=self._synchronous, wal_pages=self._wal_pages
        )
        if self._shared:
            connection.execute("PRAGMA busy_timeout = 0")
        self._connection = connection
        self._opened = self._opened or identity_of(self._path)

    def _close_unused(self) -> None:
        with self._using:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Locked(Exception):
    """Another process has locked the file; nothing was done."""


def _is_locked(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY


def _is_damage(error: Exception) -> bool:
    """Return whether this error means that the file is damaged, as an error of decoding its data does."""
    if not isinstance(error, sqlite3.Error):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return (code is not None and code & 0xFF in _DAMAGED) or str(error).startswith(_DAMAGED_TEXT)


def _execute(connection: sqlite3.Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.execute(statement)
