"""Implements a table of rows in SQLite: each row one JSON text, and columns for the fields of its declared indexes.

Rows are appended in the order of arrival, and found by an index of their ids: ids are random, so in the order of ids
each row of a batch would rewrite another page. We fill columns instead of using expression indexes because SQLite would
parse each text once per index and write.
"""

# ruff: noqa: S608 - the names in statements are declared in code, and quoted

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from core.ports.documents import DataLost, Facet, Index, Row, TableGeneration, Write
from projections.stores.facets import MARKER, at_path, merged, registration_of

_encode: Final = msgspec.json.Encoder().encode
_rows: Final = msgspec.json.Decoder(list[dict[str, Any]])
_MARKED: Final = _encode({"_id": MARKER}).decode()


class SqliteTable:
    """A table in one generation. Methods run on the thread that owns the given connection."""

    def __init__(self, place: TableGeneration) -> None:
        self._place = place
        self._table = place.table
        self.name = quoted(f"{place.table.model}/{place.table.name}/{place.generation}")
        self._paths = _paths(place.table.indexes)
        columns = ["id", "doc", *map(quoted, self._paths)]
        values = ", ".join(f"json_extract(value, '$[{n}]')" for n in range(len(columns)))
        self._put = (
            f"INSERT INTO {self.name} ({', '.join(columns)}) SELECT {values} FROM json_each(?) WHERE true"
            f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in columns[1:])}"
        )

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Create the table and its missing columns and indexes; mark it, and register it among the pointers.

        Raises `DataLost`.
        """
        self._mark(connection)
        existing = {column for _, column, *_ in connection.execute(f"PRAGMA table_info ({self.name})")}
        for path in self._paths:
            if path not in existing:
                self._add(connection, path)
        for index in self._table.indexes:
            needed = [*index.sparse, *([index.order] if index.order else [])]
            present = " AND ".join(f"{quoted(field)} IS NOT NULL" for field in needed)
            where = f" WHERE {present}" if present else ""
            columns = ", ".join(map(quoted, [*index.equals, index.order or "id"]))
            connection.execute(f"CREATE INDEX IF NOT EXISTS {self._index(index)} ON {self.name} ({columns}){where}")
        connection.execute("INSERT OR IGNORE INTO pointers VALUES (?, '{}')", (registration_of(self._place),))

    def _mark(self, connection: sqlite3.Connection) -> None:
        """Create the table with its marker. Raises `DataLost` if it was created before and has lost it."""
        if self._marked(connection):
            return
        sql = "SELECT 1 FROM checkpoints WHERE processor = ? AND generation = ?"
        if connection.execute(sql, (self._place.table.model, self._place.generation)).fetchone() is not None:
            self.check_not_lost(connection)  # without a checkpoint all of it is rebuilt
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {self.name} (number INTEGER PRIMARY KEY, id TEXT UNIQUE, doc TEXT)"
        )
        connection.execute(f"INSERT INTO {self.name} (id, doc) VALUES (?, ?)", (MARKER, _MARKED))

    def check_not_lost(self, connection: sqlite3.Connection) -> None:
        """Raise `DataLost` if this table was prepared; called when no marker was found."""
        sql = "SELECT 1 FROM pointers WHERE name = ?"
        if connection.execute(sql, (registration_of(self._place),)).fetchone() is not None:
            raise DataLost(self._place)

    def _index(self, index: Index) -> str:
        return quoted(f"{self.name[1:-1]}/{index.name}")

    def _add(self, connection: sqlite3.Connection, path: str) -> None:
        """Add a column, and fill it for existing rows."""
        connection.execute(f"ALTER TABLE {self.name} ADD COLUMN {quoted(path)}")
        json_path = "$" + "".join(f'."{step}"' for step in path.split("."))
        connection.execute(f"UPDATE {self.name} SET {quoted(path)} = json_extract(doc, ?)", (json_path,))

    def drop(self, connection: sqlite3.Connection) -> None:
        """Delete the table with its indexes and its registration."""
        connection.execute("DELETE FROM pointers WHERE name = ?", (registration_of(self._place),))
        connection.execute(f"DROP TABLE IF EXISTS {self.name}")

    def save(self, connection: sqlite3.Connection, writes: Sequence[Write]) -> set[str]:
        """Merge these into the stored rows; return the ids of new rows. Runs within the caller's transaction."""
        stored = {row["_id"]: row for row in self.get(connection, [write.id for write in writes])}
        changed: dict[str, Row] = {}
        for write in writes:
            row = merged(changed.get(write.id) or stored.get(write.id), write)
            if row is not None:
                changed[write.id] = row
        if changed:
            connection.execute(self._put, (_encode([self._line(row) for row in changed.values()]).decode(),))
        return changed.keys() - stored.keys()

    def remove(self, connection: sqlite3.Connection, ids: Iterable[str]) -> None:
        """Delete rows. Runs within the caller's transaction."""
        sql = f"DELETE FROM {self.name} WHERE id IN (SELECT value FROM json_each(?))"
        connection.execute(sql, (_encode(list(ids)).decode(),))

    def _line(self, row: Row) -> list[Any]:
        return [row["_id"], _encode(row).decode(), *(at_path(row, path) for path in self._paths)]

    def get(self, connection: sqlite3.Connection, ids: Iterable[str]) -> list[Row]:
        """Return the rows with these ids that exist. Raises `DataLost`."""
        sql = f"SELECT doc FROM {self.name} WHERE id IN (SELECT value FROM json_each(?))"
        found = self._read(connection, sql, [_encode([MARKER, *ids]).decode()])
        rows = [row for row in found if row["_id"] != MARKER]
        if len(rows) == len(found):
            self.check_not_lost(connection)
        return rows

    def facets(self, connection: sqlite3.Connection, ids: Iterable[str], name: str) -> dict[str, Facet]:
        """Return the facet that an index orders by; rows without it are excluded by its column, without reading them.

        Raises `DataLost`.
        """
        index = self._table.index(name)
        sql = (
            f"SELECT json_object('id', id, 'facet', json_extract(doc, ?)) AS doc FROM {self.name}"
            f" WHERE id IN (SELECT value FROM json_each(?)) AND {quoted(index.order or '')} IS NOT NULL"
        )
        found = self._read(connection, sql, [f"$.{quoted(index.facet)}", _encode(list(ids)).decode()])
        if not found:
            self._check_empty(connection)
        return {row["id"]: row["facet"] for row in found}

    def scan(self, connection: sqlite3.Connection, after: str, limit: int) -> list[Row]:
        """Return the next rows by id. Raises `DataLost`."""
        sql = f"SELECT doc FROM {self.name} WHERE id > ? ORDER BY id LIMIT ?"
        found = self._read(connection, sql, [after, limit + 1])
        if not found:
            self._check_empty(connection)
        return [row for row in found if row["_id"] != MARKER][:limit]

    def _check_empty(self, connection: sqlite3.Connection) -> None:
        """Raise `DataLost` if the marker is missing too; called when no row was found."""
        if not self._marked(connection):
            self.check_not_lost(connection)

    def _marked(self, connection: sqlite3.Connection) -> bool:
        return bool(self._read(connection, f"SELECT doc FROM {self.name} WHERE id = ?", [MARKER]))

    def find(
        self,
        connection: sqlite3.Connection,
        name: str,
        equals: Sequence[str],
        *,
        low: int | None,
        high: int | None,
        after: str | None,
        limit: int,
        reverse: bool,
    ) -> list[Row]:
        """Return rows by a declared index. The statement names it: without statistics SQLite may choose a worse one.

        Raises `DataLost`.
        """
        index = self._table.index(name)
        bounds: list[tuple[str, Any]] = [
            (f"{quoted(field)} = ?", value) for field, value in zip(index.equals, equals, strict=True)
        ]
        direction = "DESC" if reverse else "ASC"
        if index.order:
            field = quoted(index.order)
            bounds += [(f"{field} >= ?", low), (f"{field} < ?", high)]
            present, order = f"{field} IS NOT NULL", f"{field} {direction}"
        else:
            bounds += [("id < ?" if reverse else "id > ?", after)]
            present, order = "id IS NOT NULL", f"id {direction}"
        bound = [(condition, value) for condition, value in bounds if value is not None]
        where = " AND ".join([condition for condition, _ in bound] + [present])
        sql = f"SELECT doc FROM {self.name} INDEXED BY {self._index(index)} WHERE {where} ORDER BY {order} LIMIT ?"
        rows = self._read(connection, sql, [*(value for _, value in bound), limit])
        if not rows:
            self._check_empty(connection)
        return rows

    def _read(self, connection: sqlite3.Connection, sql: str, parameters: Sequence[Any]) -> list[Row]:
        """Read all rows in one step; none if the table does not exist yet."""
        try:
            [text] = connection.execute(f"SELECT group_concat(doc, ',') FROM ({sql})", parameters).fetchone()
        except sqlite3.OperationalError as error:
            # SQLite has no error code for this.
            if str(error).startswith("no such table"):
                return []
            raise
        return _rows.decode(f"[{text or ''}]")


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _paths(indexes: Iterable[Index]) -> tuple[str, ...]:
    """Return the fields of the indexes, once each, in the order of their declaration."""
    fields = (field for index in indexes for field in (*index.equals, index.order) if field)
    return tuple(dict.fromkeys(fields))
