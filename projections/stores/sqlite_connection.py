"""Opens SQLite connections, and runs statements on them as one transaction or within a time."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeVar

from core import private_files

BUSY_TIMEOUT_S: Final = 5.0
"""Timeout of a statement that waits for another process's write, in seconds."""

WAL_PAGES: Final = 16_000
"""Pages of 4 KiB in the write-ahead log before they move into the file: the more, the fewer are written twice."""

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


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of the file at this path; None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - for every commit: half of what Path.stat costs
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
