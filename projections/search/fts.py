"""Full text in one SQLite file: each generation has a table of entries and an FTS5 index over their words."""

import logging
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from core.damage import Damage
from core.ports.event_log import Unavailable
from core.ports.search_index import Entry, IndexBehind, Positions, no_complete_index, other_fill, require_since
from projections.search.fts_statements import STATES, Statements
from projections.stores.sqlite_thread import SqliteThread, identity_of, transaction
from schemas.topics import Partition

logger: Final = logging.getLogger("caas.search.fts")
T = TypeVar("T")
_encode: Final = msgspec.json.Encoder().encode
_strings: Final = msgspec.json.Decoder(list[str])
_numbers: Final = msgspec.json.Decoder(list[int])
_entries: Final = msgspec.json.Decoder(list[tuple[str, int, str, str, str | None]])
_checkpoint: Final = msgspec.json.Decoder(list[tuple[str, int, int]])


class FtsIndex:
    """A SearchIndex in a file. A word is a run of letters and digits, in whatever case; best by BM25.

    What is indexed is synced, since the checkpoint of the rows lies in another file, and found at once. Many
    statements are one step each (see `projections.stores.sqlite_thread`). Searches have a connection and a thread of
    their own. A file that was deleted, or replaced by another, is noticed by `checkpoint`.
    """

    def __init__(self, path: Path, *, read_only: bool = False, damage: Damage | None = None) -> None:
        self._path = path
        self._read_only = read_only
        self._writer = SqliteThread(path, "search-writer", synchronous="FULL", damage=damage, replaceable=True)
        self._reader = SqliteThread(path, "search-reader", read_only=True, damage=damage, replaceable=True)
        self._started = False
        self._opened: tuple[int, int] | None = None

    async def start(self) -> None:
        """Open the file. Raises `Unavailable`; one who only reads may come before the file."""
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
        await self._reader.start()
        self._opened = identity_of(self._path)

    async def stop(self) -> None:
        """Finish what runs and close the file."""
        self._started = False
        await self._close()

    async def _close(self) -> None:
        await self._reader.stop()
        await self._writer.stop()

    async def begin(self, generation: int) -> str:
        """Make empty tables, or join the fill that has begun."""

        def begin(connection: sqlite3.Connection) -> str:
            filling, _ = _state(connection, generation) or ("", None)
            if filling:
                return filling
            token, statements = secrets.token_hex(8), Statements(generation)
            for statement in (*statements.drop, *statements.make):
                connection.execute(statement)
            connection.execute(statements.state, (generation, token, "[]"))
            return token

        return await self._write(begin)

    async def put(self, generation: int, entries: Sequence[Entry]) -> None:
        """Index these entries in one transaction."""
        if entries:
            await self._write(lambda connection: _put(connection, generation, entries))

    async def complete(self, generation: int, token: str, until: Positions) -> None:
        """What this fill began is complete."""

        def complete(connection: sqlite3.Connection) -> None:
            state = _state(connection, generation)
            if state is None or state[0] != token:
                raise other_fill(generation)
            _stand(connection, generation, state[1], until)

        await self._write(complete)

    async def index(self, generation: int, entries: Sequence[Entry], since: Positions, until: Positions) -> None:
        """Index these entries and move the checkpoint in one transaction."""

        def index(connection: sqlite3.Connection) -> None:
            held = require_since(generation, _held(connection, generation), since)
            _put(connection, generation, entries)
            _stand(connection, generation, held, until)

        await self._write(index)

    async def checkpoint(self, generation: int, partitions: Iterable[Partition]) -> dict[Partition, int] | None:
        """Up to where it has everything."""
        if self._started and identity_of(self._path) != self._opened:
            logger.warning("%s is another file than it was, opened again", self._path)
            await self._close()
            await self._open()
        held = await self._reader.run(lambda connection: _held(connection, generation))
        return None if held is None else {at: held[at] for at in partitions if at in held}

    async def refresh(self, generation: int) -> None:
        """Everything is findable when `index` returns."""

    async def search(
        self, generation: int, tenant: str, text: str, conversation_ids: Iterable[str], limit: int
    ) -> list[str]:
        """Message ids, best first."""
        wanted, allowed = _query(text), _encode(list(conversation_ids)).decode()
        query = (Statements(generation).search, (wanted, tenant, allowed, limit)) if wanted else None
        found = await self._reader.run(lambda connection: _answer(connection, generation, query))
        return _strings.decode(found)

    async def entries(self, generation: int, message_ids: Iterable[str]) -> dict[str, Entry]:
        """The entries of these messages."""
        query = (Statements(generation).entries, (_encode(list(message_ids)).decode(),))
        found = await self._reader.run(lambda connection: _answer(connection, generation, query))
        return {fields[0]: Entry(*fields) for fields in _entries.decode(found)}

    async def scan(self, generation: int, *, after: str = "", limit: int = 1000) -> list[Entry]:
        """The next entries."""
        query = (Statements(generation).scan, (after, limit))
        found = await self._reader.run(lambda connection: _answer(connection, generation, query))
        return [Entry(*fields) for fields in _entries.decode(found)]

    async def drop(self, generation: int) -> None:
        """Delete a generation's tables."""

        def drop(connection: sqlite3.Connection) -> None:
            for statement in (*Statements(generation).drop, Statements(generation).forget_state):
                connection.execute(statement)

        await self._write(drop)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def whole(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                connection.execute(STATES)
                return work(connection)

        return await self._writer.run(whole)


def _state(connection: sqlite3.Connection, generation: int) -> tuple[str, dict[Partition, int]] | None:
    """The token of the fill that is not complete, empty where it is, and the checkpoint; None: there are no tables."""
    try:
        found = connection.execute(Statements(generation).stands).fetchone()
    except sqlite3.OperationalError as error:
        # A file that an earlier version made; SQLite has no code of its own for this.
        if not str(error).startswith("no such table"):
            raise
        return None
    if found is None:
        return None
    return found[0], {Partition(topic, number): at for topic, number, at in _checkpoint.decode(found[1])}


def _held(connection: sqlite3.Connection, generation: int) -> dict[Partition, int] | None:
    filling, held = _state(connection, generation) or ("missing", {})
    return None if filling else held


def _stand(connection: sqlite3.Connection, generation: int, held: Positions, until: Positions) -> None:
    stands = [(*at, max(held.get(at, 0), until.get(at, 0))) for at in sorted({*held, *until})]
    connection.execute(Statements(generation).state, (generation, "", _encode(stands).decode()))


def _put(connection: sqlite3.Connection, generation: int, entries: Sequence[Entry]) -> None:
    if _state(connection, generation) is None:
        raise IndexBehind(f"generation {generation} has no index")
    newest: dict[str, Entry] = {}
    for entry in entries:
        if entry.message_id not in newest or entry.version > newest[entry.message_id].version:
            newest[entry.message_id] = entry
    statements = Statements(generation)
    lines = [[one.message_id, one.version, one.tenant, one.conversation_id, one.text] for one in newest.values()]
    [keys] = connection.execute(statements.newer, (_encode(lines).decode(),)).fetchone()
    newer = [lines[key] for key in _numbers.decode(keys)]
    given = _encode(newer).decode()
    connection.execute(statements.put, (given,))
    connection.execute(statements.forget, (_encode([line[0] for line in newer]).decode(),))
    connection.execute(statements.learn, (given,))


def _answer(connection: sqlite3.Connection, generation: int, query: tuple[str, Sequence[Any]] | None) -> str:
    """The JSON that a query of a complete index answers, in one view of the file."""
    connection.execute("BEGIN")
    try:
        if _held(connection, generation) is None:
            raise no_complete_index(generation)
        return "[]" if query is None else str(connection.execute(*query).fetchone()[0])
    finally:
        connection.execute("COMMIT")


def _query(text: str) -> str:
    """Every word of a text as a quoted phrase, which FTS5 takes apart as it does messages; empty without a word."""
    chunks = text.replace("\x00", " ").split()
    return " ".join('"' + chunk.replace('"', '""') + '"' for chunk in chunks if any(map(str.isalnum, chunk)))
