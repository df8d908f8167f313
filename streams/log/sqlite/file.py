"""This module stores records in SQLite: one row has what one commit added to one partition, so that a commit is one
statement and one step.

Steps are what a thread beside a busy event loop must save (see `projections.stores.sqlite_thread`).
"""

import fcntl
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec

from core import private_files
from core.ports.event_log import AlreadyWriting, Received
from core.positions import position
from projections.stores.sqlite_thread import Broken
from schemas.envelope import Headers, Record
from schemas.topics import Partition, partition_of

ROW_RECORDS: Final = 256
"""Maximum number of records in one row: a reader that wants a few unpacks no more than this."""

_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS batches (id INTEGER PRIMARY KEY, topic TEXT, partition INTEGER, first INTEGER,
    next INTEGER, at_ms INTEGER, records BLOB, crc INTEGER)""",
    "CREATE UNIQUE INDEX IF NOT EXISTS batches_by_next ON batches (topic, partition, next, first)",
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID",
    "INSERT OR IGNORE INTO meta VALUES ('epoch', 1)",  # last: readers wait for it
)
_ADD_CRC: Final = "ALTER TABLE batches ADD COLUMN crc INTEGER"
_HAS_CRC: Final = "SELECT count(*) FROM pragma_table_info('batches') WHERE name = 'crc'"
_INSERT: Final = "INSERT INTO batches (topic, partition, first, next, at_ms, records, crc) VALUES "
_ENDS: Final = """SELECT json_group_array((SELECT next FROM batches WHERE topic = json_extract(value, '$[0]')
    AND partition = json_extract(value, '$[1]') ORDER BY next DESC LIMIT 1)) FROM json_each(?)"""
# Bytes pass through group_concat as text unchanged. A row that begins before `stop` ends before `stop` + ROW_RECORDS.
_READ: Final = f"""SELECT group_concat(first || ' ' || next || ' ' || at_ms || ' ' || length(records) || ' '
    || ifnull(checksum, -1), ' '), CAST(group_concat(CAST(records AS TEXT), '') AS BLOB)
    FROM (SELECT first, next, at_ms, records, crc AS checksum FROM batches
    WHERE topic = ?1 AND partition = ?2 AND next > ?3 AND first < ?4 AND next < ?4 + {ROW_RECORDS}
    ORDER BY next LIMIT -1)"""  # noqa: S608 - a number of our own
_READ_UNCHECKED: Final = _READ.replace("crc AS", "NULL AS")
_CRC_BYTES: Final = 5 << 10
"""Maximum size that zlib hashes without releasing the GIL, which a thread beside a busy event loop gets back late."""


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    key: bytes | None
    value: bytes | None
    headers: Headers


_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(list[_Stored])
_encode: Final = msgspec.json.Encoder().encode
_offsets: Final = msgspec.json.Decoder(list[int | None])


@dataclass(frozen=True, slots=True)
class Group:
    """The records of one commit: in order with their offsets, and by partition."""

    received: list[Received]
    added: dict[Partition, list[Received]]

    def ends(self) -> dict[Partition, int]:
        """Return the next offsets of its partitions once it is in the log."""
        return {place: records[-1].offset + 1 for place, records in self.added.items()}


def assign_offsets(
    records: Iterable[Record],
    ends: Mapping[Partition, int],
    *,
    epoch: int,
    at_ms: int,
) -> Group:
    """Give each record its offset after these ends."""
    group = Group([], {})
    for record in records:
        place = partition_of(record.topic, record.key)
        added = group.added.setdefault(place, [])
        offset = ends.get(place, 0) + len(added)
        one = Received(*place, offset, position(epoch, offset), record.key, record.value, record.headers, at_ms)
        added.append(one)
        group.received.append(one)
    return group


def insert(connection: sqlite3.Connection, group: Group) -> None:
    """Commit a group: either all of it, synced, or nothing. Raises sqlite3.Error."""
    rows = [
        _row(place, some)
        for place, added in group.added.items()
        for some in (added[start : start + ROW_RECORDS] for start in range(0, len(added), ROW_RECORDS))
    ]
    statement = _INSERT + ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(rows))
    connection.execute(statement, [value for row in rows for value in row])


def _row(place: Partition, records: Sequence[Received]) -> tuple[object, ...]:
    columns = (*place, records[0].offset, records[-1].offset + 1, records[0].timestamp_ms)
    packed = _pack([(one.key, one.value, one.headers) for one in records])
    return (*columns, packed, _checksum(columns, packed))


def _checksum(columns: tuple[object, ...], packed: bytes) -> int:
    """Return the CRC-32 of everything in a row."""
    found = zlib.crc32(" ".join(map(str, columns)).encode())
    if len(packed) < _CRC_BYTES:
        return zlib.crc32(packed, found)
    pieces = memoryview(packed)
    for start in range(0, len(packed), _CRC_BYTES):
        found = zlib.crc32(pieces[start : start + _CRC_BYTES], found)
    return found


def prepare(connection: sqlite3.Connection) -> None:
    """Create the tables and columns that the file lacks. Rows written without checksums stay without."""
    for statement in _SCHEMA:
        connection.execute(statement)
    if not has_crc(connection):
        connection.execute(_ADD_CRC)


def has_crc(connection: sqlite3.Connection) -> bool:
    """Return whether rows of this file have a column for their checksum."""
    [found] = connection.execute(_HAS_CRC).fetchone()
    return bool(found)


def ends(connection: sqlite3.Connection, places: Sequence[Partition]) -> dict[Partition, int]:
    """Return the next offset of each partition."""
    [found] = connection.execute(_ENDS, (_encode(places).decode(),)).fetchone()
    return {place: end or 0 for place, end in zip(places, _offsets.decode(found), strict=True)}


def epoch(connection: sqlite3.Connection) -> int:
    """Return the epoch of the log. Raises sqlite3.OperationalError while none has been written."""
    found = connection.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
    if found is None:
        raise sqlite3.OperationalError("the log has no epoch yet")
    return int(found[0])


def begin_epoch(connection: sqlite3.Connection, new: int) -> None:
    """Set a greater epoch. Raises ValueError where it is not greater."""
    if new <= epoch(connection):
        raise ValueError(f"epoch {new} is not greater than {epoch(connection)}")
    connection.execute("UPDATE meta SET value = ? WHERE name = 'epoch'", (new,))


def read(
    connection: sqlite3.Connection, epoch: int, place: Partition, start: int, stop: int, *, checked: bool = True
) -> list[Received]:
    """Return the records of a partition from offset `start` to before `stop`, which must exist. `checked`: the file
    has checksums. Raises `Broken`.
    """
    columns, data = connection.execute(_READ if checked else _READ_UNCHECKED, (*place, start, stop)).fetchone()
    found: list[Received] = []
    at, reached = 0, start
    for first, following, at_ms, length, crc in _numbers(place, columns):
        if first != reached and (found or not first <= start < following):
            raise Broken(f"{place.topic}/{place.number} goes on at offset {first} instead of {reached}")
        records = data[at : at + length]
        at, reached = at + length, following
        if crc >= 0 and crc != _checksum((*place, first, following, at_ms), records):
            raise Broken(f"{_named(place, first, following)} are not what was appended")
        try:
            stored = _unpack.decode(records)
        except msgspec.DecodeError as error:
            raise Broken(f"{_named(place, first, following)} cannot be read: {error}") from error
        if len(stored) != following - first:
            raise Broken(f"{_named(place, first, following)} are {len(stored)} records")
        found += [
            Received(*place, offset, position(epoch, offset), one.key, one.value, one.headers, at_ms)
            for offset, one in enumerate(stored, first)
            if start <= offset < stop
        ]
    if reached < stop:
        raise Broken(f"{_named(place, reached, stop)} are missing")
    return found


def _numbers(place: Partition, columns: str | None) -> Iterator[Sequence[int]]:
    try:
        numbers = [int(number) for number in (columns or "").split()]
        return iter(list(zip(*[iter(numbers)] * 5, strict=True)))
    except ValueError as error:
        raise Broken(f"a row of {place.topic}/{place.number} has no offsets") from error


def _named(place: Partition, first: int, following: int) -> str:
    return f"{place.topic}/{place.number} offsets {first} to {following - 1}"


def lock(path: Path) -> IO[str]:
    """Become the only writer until the returned file is closed or the process ends. Raises `AlreadyWriting`."""
    private_files.make_directory(path.parent)
    place = path.with_name(path.name + ".lock")
    private_files.make_file(place)
    file = place.open("a+")
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
