"""Runs one SQLite connection on its own thread: statements run one after the other, and the event loop never waits.

The `sqlite3` module releases the interpreter lock at every step and gets it back only when the event loop pauses: with
one row per step, 500 rows take tens of milliseconds beside a busy loop. So callers put many rows into one step: lists
go in as one JSON parameter (`json_each`), and come out as one JSON text (`group_concat`).
"""

import asyncio
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec

from core import private_files
from core.damage import Damage
from core.ports.event_log import DataDamaged, Unavailable

logger: Final = logging.getLogger("caas.sqlite")
BUSY_TIMEOUT_S: Final = 5.0
"""Timeout of a statement that waits for another process's write, in seconds."""

WAL_PAGES: Final = 16_000
"""Pages of 4 KiB in the write-ahead log before they move into the file: the more, the fewer are written twice."""

CHECK_TIMEOUT_S: Final = 1.0
"""Timeout of the check of a file at its start, in seconds."""

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_DAMAGED_TEXT: Final = ("Could not decode to UTF-8", "malformed JSON")
"""The beginnings of errors that have no error code."""

Synchronous = Literal["NORMAL", "FULL"]
T = TypeVar("T")


def connect(
    path: Path, *, read_only: bool, synchronous: Synchronous = "NORMAL", wal_pages: int = WAL_PAGES
) -> sqlite3.Connection:
    """Open a WAL database; create it with its folder, for its owner alone, if missing. Other threads may use it.
    Raises sqlite3.Error.

    A read-only connection is opened for writing, and writing then disabled: SQLite needs the shared memory beside the
    file also for reading.
    """
    if not read_only:
        _create_file(path)
    mode = "rw" if read_only else "rwc"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_TIMEOUT_S,
        cached_statements=256,
    )
    try:
        connection.execute("PRAGMA query_only = ON" if read_only else "PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA cache_size = -{8192 if read_only else 32768}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {wal_pages}")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _create_file(path: Path) -> None:
    """Create the file, for its owner alone; SQLite's files beside it get the same mode. Raises sqlite3.Error."""
    private_files.make_directory(path.parent)
    try:
        private_files.make_file(path)
    except OSError as error:
        raise sqlite3.OperationalError(f"unable to open database file: {error.strerror}") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the statements inside as one transaction, with no other writer meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


class Broken(Exception):
    """Damage that the work of `SqliteThread.run` finds in the file; `run` adds which file it is."""


def within(connection: sqlite3.Connection, seconds: float, work: Callable[[sqlite3.Connection], T]) -> T | None:
    """Return the result of `work`, None if it takes longer than `seconds`. It may only read."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.start()
    try:
        return work(connection)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return None
    finally:
        timer.cancel()
        timer.join()


class SqliteThread:
    """A thread with a connection. `run` raises `Unavailable` when it is not started, or when SQLite reports that the
    file is locked, full, unreadable or missing; then nothing was done.

    It raises `damaged` if SQLite or `work` finds the file damaged, also in the check at the start, which takes up to
    `check_s` seconds and is only for files that are written; and if the file was replaced or deleted, unless it is
    `replaceable`: its writes are lost then. Every such error is reported to `damage` too.
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
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
            thread.shutdown(wait=False)
            self._opened = None

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of `work`; it runs to its end even if the caller is cancelled."""
        if self._thread is None:
            raise Unavailable(f"{self._path} is not open")
        self.waiting += 1
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)
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

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = connect(
                    self._path, read_only=self._read_only, synchronous=self._synchronous, wal_pages=self._wal_pages
                )
                self._opened = self._opened or identity_of(self._path)
            answer = work(self._connection)
        except (sqlite3.Error, msgspec.DecodeError, Broken) as error:
            # An I/O error may leave a connection permanently unusable; the next call opens a new one.
            self._close()
            if _is_damage(error):
                raise self._damaged(self._path, str(error)) from error
            raise
        self._check_same_file()  # on this thread: a system call on the loop's lets the others take the interpreter lock
        return answer

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of the file at this path; None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - for every commit: half of what Path.stat costs
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _is_damage(error: Exception) -> bool:
    """Return whether this error means that the file is damaged, as an error of decoding its data does."""
    if not isinstance(error, sqlite3.Error):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return (code is not None and code & 0xFF in _DAMAGED) or str(error).startswith(_DAMAGED_TEXT)


def _execute(connection: sqlite3.Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.execute(statement)
