"""How records lie in SQLite: a row is what one commit added to one partition, so a commit is one statement, one step.

A step is what a thread beside a busy event loop must spare (see `projections.stores.sqlite_thread`).
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec

from core.ports.event_log import Received
from core.positions import position
from schemas.envelope import Headers, Record
from schemas.topics import Partition

ROW_RECORDS: Final = 256
"""Records in one row at most: a reader that wants a few unpacks no more than this."""

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID",
    "INSERT OR IGNORE INTO meta VALUES ('epoch', 1)",
    """CREATE TABLE IF NOT EXISTS batches (id INTEGER PRIMARY KEY, topic TEXT, partition INTEGER, first INTEGER,
    next INTEGER, at_ms INTEGER, records BLOB)""",
    "CREATE UNIQUE INDEX IF NOT EXISTS batches_by_next ON batches (topic, partition, next, first)",
)
_INSERT: Final = "INSERT INTO batches (topic, partition, first, next, at_ms, records) VALUES "
_ENDS: Final = """SELECT json_group_array((SELECT next FROM batches WHERE topic = json_extract(value, '$[0]')
    AND partition = json_extract(value, '$[1]') ORDER BY next DESC LIMIT 1)) FROM json_each(?)"""
# Bytes pass through group_concat as text unchanged. A row that begins before `stop` ends before `stop` + ROW_RECORDS.
_READ: Final = f"""SELECT group_concat(first || ' ' || at_ms || ' ' || length(records), ' '),
    CAST(group_concat(CAST(records AS TEXT), '') AS BLOB) FROM (SELECT first, at_ms, records FROM batches
    WHERE topic = ?1 AND partition = ?2 AND next > ?3 AND first < ?4 AND next < ?4 + {ROW_RECORDS}
    ORDER BY next LIMIT -1)"""  # noqa: S608 - a number of our own


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    key: bytes | None
    value: bytes | None
    headers: Headers


_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(list[_Stored])
_encode: Final = msgspec.json.Encoder().encode
_offsets: Final = msgspec.json.Decoder(list[int | None])


class AlreadyWriting(Exception):
    """Another process writes to this log."""


@dataclass(frozen=True, slots=True)
class Group:
    """What one commit adds: the records as they will lie, and what each partition gets."""

    received: list[Received]
    added: dict[Partition, list[Received]]

    def ends(self) -> dict[Partition, int]:
        """The next offsets of its partitions once it is in the log."""
        return {place: records[-1].offset + 1 for place, records in self.added.items()}


def lay_out(
    records: Iterable[Record],
    place_of: Callable[[Record], Partition],
    ends: Mapping[Partition, int],
    *,
    epoch: int,
    at_ms: int,
) -> Group:
    """Give each record its place after these ends."""
    group = Group([], {})
    for record in records:
        place = place_of(record)
        added = group.added.setdefault(place, [])
        offset = ends.get(place, 0) + len(added)
        one = Received(*place, offset, position(epoch, offset), record.key, record.value, record.headers, at_ms)
        added.append(one)
        group.received.append(one)
    return group


def insert(connection: sqlite3.Connection, group: Group) -> None:
    """Commit a group: all of it, synced, or nothing of it. Raises sqlite3.Error."""
    rows = [
        (*place, some[0].offset, some[-1].offset + 1, some[0].timestamp_ms, _packed(some))
        for place, added in group.added.items()
        for some in (added[start : start + ROW_RECORDS] for start in range(0, len(added), ROW_RECORDS))
    ]
    statement = _INSERT + ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(rows))
    connection.execute(statement, [value for row in rows for value in row])


def _packed(records: Sequence[Received]) -> bytes:
    return _pack([(one.key, one.value, one.headers) for one in records])


def ends(connection: sqlite3.Connection, places: Sequence[Partition]) -> dict[Partition, int]:
    """The next offset of each partition."""
    [found] = connection.execute(_ENDS, (_encode(places).decode(),)).fetchone()
    return {place: end or 0 for place, end in zip(places, _offsets.decode(found), strict=True)}


def epoch(connection: sqlite3.Connection) -> int:
    """The number written at the log's birth."""
    [found] = connection.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
    return int(found)


def begin_epoch(connection: sqlite3.Connection, new: int) -> None:
    """Raise that number. Raises ValueError where it is not greater."""
    if new <= epoch(connection):
        raise ValueError(f"epoch {new} is not greater than {epoch(connection)}")
    connection.execute("UPDATE meta SET value = ? WHERE name = 'epoch'", (new,))


def read(connection: sqlite3.Connection, epoch: int, place: Partition, start: int, stop: int) -> list[Received]:
    """The records of a partition from offset `start` to before `stop`, as far as there are any."""
    about, data = connection.execute(_READ, (*place, start, stop)).fetchone()
    numbers = [int(number) for number in about.split()] if about else []
    found: list[Received] = []
    at = 0
    for first, at_ms, length in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
        stored = _unpack.decode(data[at : at + length])
        at += length
        found += [
            Received(*place, offset, position(epoch, offset), one.key, one.value, one.headers, at_ms)
            for offset, one in enumerate(stored, first)
            if start <= offset < stop
        ]
    return found


def lock(path: Path) -> IO[str]:
    """Become the only writer until the answered file is closed or the process ends. Raises `AlreadyWriting`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(path.name + ".lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        who = file.read().strip() or "unknown"
        file.close()
        raise AlreadyWriting(f"{path} is written by another process (pid {who})") from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
