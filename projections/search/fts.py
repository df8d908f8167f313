"""Full text in one SQLite file: each generation has a table of entries and an FTS5 index over their words."""

# ruff: noqa: S608 - the names put into statements are made of numbers

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from core.damage import Damage
from core.ports.search_index import Entry
from projections.stores.sqlite_thread import SqliteThread, transaction

T = TypeVar("T")
_encode: Final = msgspec.json.Encoder().encode
_strings: Final = msgspec.json.Decoder(list[str])
_numbers: Final = msgspec.json.Decoder(list[int])


class _Generation:
    """The statements of one generation. What a search looks at per message lies apart from the text, in narrow rows;
    a message that was taken out keeps its row, for its version.
    """

    def __init__(self, generation: int) -> None:
        entries, words = f"entries_{generation:d}", f"words_{generation:d}"
        these = "(SELECT value FROM json_each(?))"
        self.prepare = (
            f"""CREATE TABLE IF NOT EXISTS {entries} (number INTEGER PRIMARY KEY, message_id TEXT UNIQUE,
            version INTEGER, tenant TEXT, conversation_id TEXT)""",
            f"""CREATE VIRTUAL TABLE IF NOT EXISTS {words}
            USING fts5 (text, tokenize = 'unicode61 remove_diacritics 0')""",
        )
        self.drop = (f"DROP TABLE IF EXISTS {words}", f"DROP TABLE IF EXISTS {entries}")
        self.newer = f"""SELECT json_group_array(key) FROM json_each(?) LEFT JOIN {entries}
            ON message_id = json_extract(value, '$[0]')
            WHERE version IS NULL OR version < json_extract(value, '$[1]')"""
        self.put = f"""INSERT INTO {entries} (message_id, version, tenant, conversation_id)
            SELECT {", ".join(f"json_extract(value, '$[{n}]')" for n in range(4))} FROM json_each(?) WHERE true
            ON CONFLICT (message_id) DO UPDATE SET version = excluded.version,
            tenant = excluded.tenant, conversation_id = excluded.conversation_id"""
        self.forget = f"""DELETE FROM {words}
            WHERE rowid IN (SELECT number FROM {entries} WHERE message_id IN {these})"""
        self.learn = f"""INSERT INTO {words} (rowid, text) SELECT number, json_extract(value, '$[4]')
            FROM json_each(?) JOIN {entries} ON message_id = json_extract(value, '$[0]')
            WHERE json_extract(value, '$[4]') IS NOT NULL"""
        # CROSS JOIN: start from the words, never from the conversations.
        self.search = f"""SELECT json_group_array(message_id) FROM (SELECT message_id FROM {words} CROSS JOIN {entries}
            ON number = {words}.rowid WHERE {words} MATCH ? AND tenant = ?
            AND conversation_id IN {these} ORDER BY rank, message_id LIMIT ?)"""


class FtsIndex:
    """A SearchIndex in a file. A word is a run of letters and digits, in whatever case; best by BM25.

    What is indexed is synced, since its checkpoint lies in another file, and found at once. Many statements are one
    step each (see `projections.stores.sqlite_thread`). Searches have a connection and a thread of their own.
    """

    def __init__(self, path: Path, *, read_only: bool = False, damage: Damage | None = None) -> None:
        self._read_only = read_only
        self._writer = SqliteThread(path, "search-writer", synchronous="FULL", damage=damage)
        self._reader = SqliteThread(path, "search-reader", read_only=True, damage=damage)
        self._prepared: set[int] = set()

    async def start(self) -> None:
        """Open the file. Raises `Unavailable`."""
        if not self._read_only:
            await self._writer.start()
        await self._reader.start()

    async def stop(self) -> None:
        """Finish what runs and close the file."""
        await self._reader.stop()
        await self._writer.stop()

    async def prepare(self, generation: int) -> None:
        """Make a generation's tables."""
        await self._write(lambda connection: self._ready(connection, generation))

    async def index(self, generation: int, entries: Sequence[Entry]) -> None:
        """Index these entries in one transaction."""
        newest: dict[str, Entry] = {}
        for entry in entries:
            if entry.message_id not in newest or entry.version > newest[entry.message_id].version:
                newest[entry.message_id] = entry
        if newest:
            given = list(newest.values())
            await self._write(lambda connection: _index(connection, self._ready(connection, generation), given))

    async def refresh(self, generation: int) -> None:
        """Everything is findable when `index` returns."""

    async def search(
        self, generation: int, tenant: str, text: str, conversation_ids: Iterable[str], limit: int
    ) -> list[str]:
        """Message ids, best first."""
        wanted, allowed = _query(text), _encode(list(conversation_ids)).decode()
        if not wanted:
            return []
        return await self._reader.run(
            lambda connection: _search(connection, _Generation(generation).search, (wanted, tenant, allowed, limit))
        )

    async def drop(self, generation: int) -> None:
        """Delete a generation's tables."""

        def drop(connection: sqlite3.Connection) -> None:
            self._prepared.discard(generation)
            for statement in _Generation(generation).drop:
                connection.execute(statement)

        await self._write(drop)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def whole(connection: sqlite3.Connection) -> T:
            try:
                with transaction(connection):
                    return work(connection)
            except BaseException:
                self._prepared.clear()
                raise

        return await self._writer.run(whole)

    def _ready(self, connection: sqlite3.Connection, generation: int) -> _Generation:
        """A generation's statements; its tables are made if this process has not seen them made."""
        statements = _Generation(generation)
        if generation not in self._prepared:
            for statement in statements.prepare:
                connection.execute(statement)
            self._prepared.add(generation)
        return statements


def _index(connection: sqlite3.Connection, statements: _Generation, given: Sequence[Entry]) -> None:
    lines = [[one.message_id, one.version, one.tenant, one.conversation_id, one.text] for one in given]
    [keys] = connection.execute(statements.newer, (_encode(lines).decode(),)).fetchone()
    newer = [lines[key] for key in _numbers.decode(keys)]
    given_newer = _encode(newer).decode()
    connection.execute(statements.put, (given_newer,))
    connection.execute(statements.forget, (_encode([line[0] for line in newer]).decode(),))
    connection.execute(statements.learn, (given_newer,))


def _search(connection: sqlite3.Connection, sql: str, parameters: Sequence[object]) -> list[str]:
    try:
        [found] = connection.execute(sql, parameters).fetchone()
    except sqlite3.OperationalError as error:
        # A generation that nobody has made yet; SQLite has no code of its own for this.
        if str(error).startswith("no such table"):
            return []
        raise
    return _strings.decode(found)


def _query(text: str) -> str:
    """Every word of a text as a quoted phrase, which FTS5 takes apart as it does messages; empty without a word."""
    chunks = text.replace("\x00", " ").split()
    return " ".join('"' + chunk.replace('"', '""') + '"' for chunk in chunks if any(map(str.isalnum, chunk)))
