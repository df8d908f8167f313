"""Implements the search index in one SQLite file: per generation tables of entries and an FTS5 index of the words."""

import logging
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from core.damage import Damage
from core.ports.event_log import Unavailable
from core.ports.search_index import (
    TIMEOUT_S,
    Entry,
    Hit,
    Hits,
    IndexBehind,
    Positions,
    Query,
    no_complete_index,
    other_fill,
    require_since,
)
from projections.search import fts_search
from projections.search.fts_statements import STATES, Statements
from projections.stores.sqlite_connection import identity_of, transaction
from projections.stores.sqlite_thread import SqliteThread
from schemas.topics import Partition

logger: Final = logging.getLogger("caas.search.fts")
SEARCHERS: Final = 2
T = TypeVar("T")
_encode: Final = msgspec.json.Encoder().encode
_numbers: Final = msgspec.json.Decoder(list[int])
_known: Final = msgspec.json.Decoder(list[tuple[str, int, int]])
_entries: Final = msgspec.json.Decoder(list[tuple[str, int, str, str, str | None, str, int, int]])
_checkpoint: Final = msgspec.json.Decoder(list[tuple[str, int, int]])


class FtsIndex:
    """The port `SearchIndex` in a file.

    Writes are synced to disk, since the checkpoint of the rows is in another file, and searchable at once. Statements
    return many rows in one step (see `projections.stores.sqlite_thread`). Searches have their own connections and
    threads, so that a long one delays neither the next search nor other calls. `checkpoint` detects a file that was
    deleted or replaced.
    """

    def __init__(self, path: Path, *, read_only: bool = False, damage: Damage | None = None) -> None:
        self._path = path
        self._read_only = read_only
        self._writer = SqliteThread(path, "search-writer", synchronous="FULL", damage=damage, replaceable=True)
        self._reader = SqliteThread(path, "search-reader", read_only=True, damage=damage, replaceable=True)
        self._searchers = [
            SqliteThread(path, f"search-{n}", read_only=True, damage=damage, replaceable=True) for n in range(SEARCHERS)
        ]
        self._started = False
        self._opened: tuple[int, int] | None = None

    async def start(self) -> None:
        """Open the file. Raises `Unavailable`, but not for a reader: it may start before the file exists."""
        try:
            await self._open()
        except Unavailable:
            if not self._read_only:
                raise
            self._opened = None
        self._started = True

    async def _open(self) -> None:
        if not self._read_only:
            await self._writer.start(STATES)
        for one in (self._reader, *self._searchers):
            await one.start()
        self._opened = identity_of(self._path)

    async def stop(self) -> None:
        """Finish running calls and close the file."""
        self._started = False
        await self._close()

    async def _close(self) -> None:
        for one in (*self._searchers, self._reader, self._writer):
            await one.stop()

    async def begin(self, generation: int) -> str:
        """Create empty tables, or join the fill that has begun; return the fill's token."""

        def begin(connection: sqlite3.Connection) -> str:
            filling, _ = _state(connection, generation) or ("", None)
            if filling:
                return filling
            token, statements = secrets.token_hex(8), Statements(generation)
            for statement in (*statements.drop, *statements.create):
                connection.execute(statement)
            connection.execute(statements.state, (generation, token, "[]"))
            return token

        return await self._write(begin)

    async def put(self, generation: int, entries: Sequence[Entry]) -> None:
        """Index these entries in one transaction."""
        if entries:
            await self._write(lambda connection: _put(connection, generation, entries))

    async def complete(self, generation: int, token: str, until: Positions) -> None:
        """Mark the index that this fill began as complete."""

        def complete(connection: sqlite3.Connection) -> None:
            state = _state(connection, generation)
            if state is None or state[0] != token:
                raise other_fill(generation)
            _save_checkpoint(connection, generation, state[1], until)

        await self._write(complete)

    async def index(self, generation: int, entries: Sequence[Entry], since: Positions, until: Positions) -> None:
        """Index these entries and move the checkpoint, in one transaction."""

        def index(connection: sqlite3.Connection) -> None:
            held = require_since(generation, _checkpoint_of(connection, generation), since)
            _put(connection, generation, entries)
            _save_checkpoint(connection, generation, held, until)

        await self._write(index)

    async def checkpoint(self, generation: int, partitions: Iterable[Partition]) -> dict[Partition, int] | None:
        """Return the positions up to which it has everything; None if it is not complete."""
        if self._started and identity_of(self._path) != self._opened:
            logger.warning("%s was replaced or deleted, opening it again", self._path)
            await self._close()
            await self._open()
        held = await self._reader.run(lambda connection: _checkpoint_of(connection, generation))
        return None if held is None else {at: held[at] for at in partitions if at in held}

    async def refresh(self, generation: int) -> None:
        """Do nothing: everything is searchable when `index` returns."""

    async def search(
        self, generation: int, query: Query, *, before: Hit | None = None, limit: int, within_s: float = TIMEOUT_S
    ) -> Hits:
        """Return the next page of the query's hits."""

        def search(connection: sqlite3.Connection) -> Hits:
            with fts_search.limited(connection, within_s) as deadline:
                return _in_snapshot(
                    connection,
                    generation,
                    lambda _: fts_search.search(
                        connection, generation, query, before=before, limit=limit, deadline=deadline
                    ),
                )

        searcher = min(self._searchers, key=lambda one: one.waiting)
        return await searcher.run(search)

    async def entries(self, generation: int, message_ids: Iterable[str]) -> dict[str, Entry]:
        """Return the entries of these messages."""
        parameters = (_encode(list(message_ids)).decode(),)
        return {one.message_id: one for one in await self._read(generation, Statements(generation).entries, parameters)}

    async def scan(self, generation: int, *, after: str = "", limit: int = 1000) -> list[Entry]:
        """Return the next entries by message id."""
        return await self._read(generation, Statements(generation).scan, (after, limit))

    async def _read(self, generation: int, statement: str, parameters: Sequence[Any]) -> list[Entry]:
        def read(connection: sqlite3.Connection) -> str:
            return str(connection.execute(statement, parameters).fetchone()[0])

        found = await self._reader.run(lambda connection: _in_snapshot(connection, generation, read))
        return [Entry(*fields) for fields in _entries.decode(found)]

    async def drop(self, generation: int) -> None:
        """Delete a generation's tables."""

        def drop(connection: sqlite3.Connection) -> None:
            for statement in (*Statements(generation).drop, Statements(generation).drop_state):
                connection.execute(statement)

        await self._write(drop)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def in_transaction(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                connection.execute(STATES)
                return work(connection)

        return await self._writer.run(in_transaction)


def _state(connection: sqlite3.Connection, generation: int) -> tuple[str, dict[Partition, int]] | None:
    """Return the token of an incomplete fill, empty if complete, and the checkpoint; None if there are no tables."""
    try:
        found = connection.execute(Statements(generation).read_state).fetchone()
    except sqlite3.OperationalError as error:
        # A file of an earlier version; SQLite has no error code for this.
        if not str(error).startswith("no such table"):
            raise
        return None
    if found is None:
        return None
    return found[0], {Partition(topic, number): at for topic, number, at in _checkpoint.decode(found[1])}


def _checkpoint_of(connection: sqlite3.Connection, generation: int) -> dict[Partition, int] | None:
    filling, held = _state(connection, generation) or ("missing", {})
    return None if filling else held


def _save_checkpoint(connection: sqlite3.Connection, generation: int, held: Positions, until: Positions) -> None:
    positions = [(*at, max(held.get(at, 0), until.get(at, 0))) for at in sorted({*held, *until})]
    connection.execute(Statements(generation).state, (generation, "", _encode(positions).decode()))


def _put(connection: sqlite3.Connection, generation: int, entries: Sequence[Entry]) -> None:
    if _state(connection, generation) is None:
        raise IndexBehind(f"generation {generation} has no index")
    newest: dict[str, Entry] = {}
    for entry in entries:
        if entry.message_id not in newest or entry.version > newest[entry.message_id].version:
            newest[entry.message_id] = entry
    statements = Statements(generation)
    [found] = connection.execute(statements.known, (_encode(list(newest)).decode(),)).fetchone()
    known = {key: (version, number) for key, version, number in _known.decode(found)}
    newer = [one for key, one in newest.items() if key not in known or one.version > known[key][0]]
    numbers = {key: number for key, (_, number) in known.items()}
    numbers |= _numbered(connection, statements, [one for one in newer if one.message_id not in known])
    lines = _encode([_line(numbers[one.message_id], one) for one in newer]).decode()
    connection.execute(statements.put, (lines,))
    connection.execute(statements.put_texts, (lines,))
    before = [numbers[one.message_id] for one in newer if one.message_id in known]
    connection.execute(statements.drop_words, (_encode(before).decode(),))
    connection.execute(statements.put_words, (lines,))


def _numbered(connection: sqlite3.Connection, statements: Statements, fresh: Sequence[Entry]) -> dict[str, int]:
    """Return a unique number for each of these messages: its order, or the next free one."""
    found, used = dict[str, int](), set[int]()
    wanted = {one.message_id: one.order for one in fresh}
    while wanted:
        [answer] = connection.execute(statements.used_numbers, (_encode(list(wanted.values())).decode(),)).fetchone()
        used.update(_numbers.decode(answer))
        for key, number in list(wanted.items()):
            if number in used:
                wanted[key] = number + 1
            else:
                found[key] = number
                used.add(number)
                del wanted[key]
    return found


def _line(number: int, one: Entry) -> list[Any]:
    text = None if one.text is None else _encode(one.text).decode()
    fields = (one.tenant, one.conversation_id, one.sender, one.offset, one.order)
    return [number, one.message_id, one.version, *fields, text, fts_search.words_of(one)]


def _in_snapshot(connection: sqlite3.Connection, generation: int, read: Callable[[sqlite3.Connection], T]) -> T:
    """Read from a complete index, in one snapshot of the file."""
    connection.execute("BEGIN")
    try:
        if _checkpoint_of(connection, generation) is None:
            raise no_complete_index(generation)
        return read(connection)
    finally:
        connection.execute("COMMIT")
