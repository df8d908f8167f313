"""Stores rows in one SQLite file: a batch is one transaction of rows, heads and checkpoint, saved or lost together."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from core.damage import Damage
from core.ports.documents import Changes, Checkpoint, Facet, Fingerprint, Row, Table, TableGeneration
from core.ports.event_log import Unavailable
from projections.stores.facets import require_base, require_life
from projections.stores.sqlite_connection import transaction
from projections.stores.sqlite_table import SqliteTable
from projections.stores.sqlite_thread import SqliteThread
from schemas.topics import Partition

logger: Final = logging.getLogger("caas.sqlite")
_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS checkpoints (processor TEXT, generation INTEGER, topic TEXT, partition INTEGER,
    position INTEGER, last TEXT, PRIMARY KEY (processor, generation, topic, partition)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS pointers (name TEXT PRIMARY KEY, doc TEXT) WITHOUT ROWID",
)
_HAS_LAST: Final = "SELECT 1 FROM pragma_table_info ('checkpoints') WHERE name = 'last'"
"""Detects the column of digests, which files of older versions lack."""
_SAVE_CHECKPOINT: Final = (
    "INSERT INTO checkpoints (processor, generation, topic, partition, position, last)"
    " SELECT ?1, ?2, json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
    " json_extract(value, '$[2]'), json_extract(value, '$[3]') FROM json_each(?3) WHERE true"
    " ON CONFLICT DO UPDATE SET position = max(position, excluded.position),"
    " last = CASE WHEN excluded.position >= position THEN excluded.last ELSE last END"
)
MOVED_ROWS: Final = 4_000
"""Number of saved rows after which the write-ahead log is moved into the file."""
SMALL: Final = 16
"""Maximum number of rows that are read or saved on the event loop's thread."""
T = TypeVar("T")
_RETRY_INTERVAL_S: Final = 0.2
_document: Final = msgspec.json.Decoder(dict[str, Any])


class SqliteDocuments:
    """The port `Documents` in a file.

    `synchronous=NORMAL`: a killed process loses nothing; a power failure may undo the last saves, but only whole ones,
    the newest first, each with its checkpoint, and the log, which is synced, has the records to repeat them. So no
    save waits for the disk.

    Reads have their own connection and thread and never wait for a save; whole passes (`scan`) have another pair.
    Reads and saves of a few rows by their ids run on the event loop's thread: SQLite takes less time for them than a
    thread there and back. What may wait for the disk does not, so the write-ahead log is moved into the file by the
    threads. Several processes may use one file; with `read_only` a save raises `Unavailable`.
    """

    def __init__(self, path: Path, *, read_only: bool = False, damage: Damage | None = None) -> None:
        self._path = path
        self._read_only = read_only
        self._writer = SqliteThread(path, "documents-writer", wal_pages=0, damage=damage, shared=True)
        self._reader = SqliteThread(path, "documents-reader", read_only=True, damage=damage, shared=True)
        self._scanner = SqliteThread(path, "documents-scanner", read_only=True, damage=damage)
        self._unmoved_rows = 0
        self._moving: asyncio.Task[None] | None = None
        self._tables: dict[tuple[str, str, int], SqliteTable] = {}
        self._prepared: set[str] = set()

    @property
    def life(self) -> int:
        """Always 0: an open file has one life, and a batch is one transaction."""
        return 0

    async def start(self, tables: Iterable[Table]) -> None:  # noqa: ARG002 - `prepare` creates tables
        """Open the file; a reader waits until it exists. Raises `Unavailable`."""
        if not self._read_only:
            await self._writer.start(*_SCHEMA)
            await self._write(_add_last)
        while True:
            try:
                await self._reader.start()
                await self._scanner.start()
            except Unavailable:
                if not self._read_only:
                    raise
                await asyncio.sleep(_RETRY_INTERVAL_S)
            else:
                return

    async def stop(self) -> None:
        """Finish running calls and close the file."""
        if self._moving is not None:
            await self._moving
        await self._reader.stop()
        await self._scanner.stop()
        await self._writer.stop()

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        """Return the rows with these ids that exist."""
        table, wanted = self._table(place), list(ids)
        found = await self._reader.run(lambda connection: table.get(connection, wanted), small=len(wanted) <= SMALL)
        return {row["_id"]: row for row in found}

    async def facets(self, place: TableGeneration, ids: Iterable[str], index: str) -> dict[str, Facet]:
        """Return the facet that a declared index orders by, for those of these rows that have it."""
        table, wanted = self._table(place), list(ids)
        return await self._reader.run(lambda connection: table.facets(connection, wanted, index))

    async def find(
        self,
        place: TableGeneration,
        index: str,
        equals: Sequence[str],
        *,
        low: int | None = None,
        high: int | None = None,
        after: str | None = None,
        limit: int = 100,
        reverse: bool = False,
    ) -> list[Row]:
        """Return rows by a declared index."""
        table = self._table(place)
        return await self._reader.run(
            lambda connection: table.find(
                connection, index, equals, low=low, high=high, after=after, limit=limit, reverse=reverse
            )
        )

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        """Return the next rows by `_id`."""
        table = self._table(place)
        return await self._scanner.run(lambda connection: table.scan(connection, after, limit))

    async def save(self, changes: Changes) -> frozenset[str]:
        """Save a batch in one transaction; return the ids of created rows."""
        rows = sum(len(writes) for _, writes in (*changes.rows, *changes.heads))
        created = await self._write(lambda connection: self._save(connection, changes), small=rows <= SMALL)
        self._saved(rows)
        return created

    async def remove(self, place: TableGeneration, ids: Iterable[str]) -> None:
        """Delete the rows with these ids, in one transaction."""
        wanted = list(ids)
        await self._write(lambda connection: self._prepared_table(connection, place).remove(connection, wanted))
        self._saved(len(wanted))

    def _saved(self, rows: int) -> None:
        """Count saved or deleted rows; begin to move the write-ahead log when there are enough."""
        self._unmoved_rows += rows + 1
        if self._unmoved_rows >= MOVED_ROWS and (self._moving is None or self._moving.done()):
            self._unmoved_rows = 0
            self._moving = asyncio.create_task(self._move(), name="documents-move")

    async def _move(self) -> None:
        """Move the write-ahead log into the file: most of it beside saves, then, so that it is whole and SQLite begins
        a new one, what was saved meanwhile. It grows until the next time where that fails.
        """
        for thread in (self._scanner, self._writer):
            try:
                await thread.run(lambda connection: connection.execute("PRAGMA wal_checkpoint (PASSIVE)").fetchall())
            except Unavailable as error:
                logger.info("the write-ahead log was not moved: %s", error)

    def _save(self, connection: sqlite3.Connection, changes: Changes) -> frozenset[str]:
        created: set[str] = set()
        require_life(changes.base, self.life)
        if (base := changes.base) is not None:
            require_base(base, _positions(connection, base.processor, base.generation))
        for place, writes in changes.rows:
            created |= self._prepared_table(connection, place).save(connection, writes)
        for place, writes in changes.heads:
            self._prepared_table(connection, place).save(connection, writes)
        if changes.checkpoint is not None:
            _save_checkpoint(connection, changes.checkpoint)
        return frozenset(created)

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        """Return the next position of each partition that a processor has read."""
        return await self._reader.run(lambda connection: _positions(connection, processor, generation), small=True)

    async def fingerprints(self, processor: str, generation: int) -> dict[Partition, Fingerprint]:
        """Return the last record before each checkpoint that was saved with a digest."""
        return await self._reader.run(lambda connection: _fingerprints(connection, processor, generation))

    async def pointer(self, name: str) -> dict[str, Any] | None:
        """Return the document stored under this name."""
        return await self._reader.run(lambda connection: _pointer(connection, name), small=True)

    async def compare_and_set(self, name: str, document: Mapping[str, Any], expected: Mapping[str, Any] | None) -> bool:
        """Replace the document under this name if it equals `expected`; return whether it did."""

        def replace(connection: sqlite3.Connection) -> bool:
            if _pointer(connection, name) != (None if expected is None else dict(expected)):
                return False
            text = msgspec.json.encode(document).decode()
            connection.execute("INSERT OR REPLACE INTO pointers VALUES (?, ?)", (name, text))
            return True

        return await self._write(replace)

    async def prepare(self, places: Iterable[TableGeneration]) -> None:
        """Create a generation's tables and indexes. Raises `DataLost`."""
        wanted = list(places)

        def prepare(connection: sqlite3.Connection) -> None:
            for place in wanted:
                self._prepared.discard(self._table(place).name)
                self._prepared_table(connection, place)

        await self._write(prepare)

    async def drop(self, places: Iterable[TableGeneration], checkpoint: tuple[str, int] | None = None) -> None:
        """Delete a generation's tables and checkpoints."""
        tables = [self._table(place) for place in places]

        def drop(connection: sqlite3.Connection) -> None:
            for table in tables:
                self._prepared.discard(table.name)
                table.drop(connection)
            if checkpoint is not None:
                connection.execute("DELETE FROM checkpoints WHERE processor = ? AND generation = ?", checkpoint)

        await self._write(drop)

    async def _write(self, work: Callable[[sqlite3.Connection], T], *, small: bool = False) -> T:
        """Run `work` in a transaction. After a failure every table is prepared again: it may be lost."""

        def in_transaction(connection: sqlite3.Connection) -> T:
            try:
                with transaction(connection):
                    return work(connection)
            except BaseException:
                self._prepared.clear()
                raise

        return await self._writer.run(in_transaction, small=small)

    def _table(self, place: TableGeneration) -> SqliteTable:
        key = (place.table.model, place.table.name, place.generation)
        if key not in self._tables:
            self._tables[key] = SqliteTable(place)
        return self._tables[key]

    def _prepared_table(self, connection: sqlite3.Connection, place: TableGeneration) -> SqliteTable:
        """Return the table of a place, and prepare it if this process has not yet."""
        table = self._table(place)
        if table.name not in self._prepared:
            table.prepare(connection)
            self._prepared.add(table.name)
        return table


def _add_last(connection: sqlite3.Connection) -> None:
    if connection.execute(_HAS_LAST).fetchone() is None:
        connection.execute("ALTER TABLE checkpoints ADD COLUMN last TEXT")


def _positions(connection: sqlite3.Connection, processor: str, generation: int) -> dict[Partition, int]:
    sql = "SELECT topic, partition, position FROM checkpoints WHERE processor = ? AND generation = ?"
    return {Partition(topic, n): at for topic, n, at in connection.execute(sql, (processor, generation)).fetchall()}


def _fingerprints(connection: sqlite3.Connection, processor: str, generation: int) -> dict[Partition, Fingerprint]:
    if connection.execute(_HAS_LAST).fetchone() is None:
        return {}
    sql = "SELECT topic, partition, position, last FROM checkpoints WHERE processor = ? AND generation = ?"
    found = connection.execute(f"{sql} AND last IS NOT NULL", (processor, generation)).fetchall()
    return {Partition(topic, number): Fingerprint(at, last) for topic, number, at, last in found}


def _save_checkpoint(connection: sqlite3.Connection, checkpoint: Checkpoint) -> None:
    digests = checkpoint.digests
    lines = [[*partition, at, digests.get(partition)] for partition, at in checkpoint.positions.items()]
    connection.execute(
        _SAVE_CHECKPOINT, (checkpoint.processor, checkpoint.generation, msgspec.json.encode(lines).decode())
    )


def _pointer(connection: sqlite3.Connection, name: str) -> dict[str, Any] | None:
    found = connection.execute("SELECT doc FROM pointers WHERE name = ?", (name,)).fetchone()
    return _document.decode(found[0]) if found else None
