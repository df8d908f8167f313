"""One page of a search in FTS5: newest first, a part of the index after another, until there is enough.

A conversation and a sender are tokens of their messages too, which no text has: so of a user with few conversations
only their messages are looked at. With many, FTS5 would go through all of them at each step; then what is found is
looked through, so many at most for a page, and the page says from where on the rest is.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from core import search_text
from core.ports.search_index import Entry, Hit, Hits, Query, SearchTimeout, lies_in, within
from projections.search.fts_statements import Statements

FEW: Final = 200
"""So many conversations FTS5 is asked for by their tokens."""
FIRST: Final = 100
LOOKED_THROUGH: Final = 20_000
"""So many messages that have the words are looked through for one page."""
STEPS: Final = 10_000
"""After so many steps of SQLite it is looked at the time."""
NEWEST: Final = (1 << 63) - 1
_CONVERSATION: Final = "\ue000"
_SENDER: Final = "\ue001"
"""Begin tokens that no text has."""

_encode: Final = msgspec.json.Encoder().encode
_page: Final = msgspec.json.Decoder(tuple[int, int | None, list[tuple[int, str, str, int]]])


def words_of(entry: Entry) -> str | None:
    """All tokens of a message, with spaces between them; None for one that is not to be found."""
    if entry.text is None:
        return None
    marks = _mark(_CONVERSATION, entry.conversation_id), _mark(_SENDER, entry.sender)
    return " ".join((*search_text.tokens(entry.text), *marks))


@contextmanager
def limited(connection: sqlite3.Connection, seconds: float) -> Iterator[float]:
    """When what runs here ends at the latest (monotonic time). Raises `SearchTimeout` then."""
    ends = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > ends, STEPS)
    try:
        yield ends
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        raise SearchTimeout(f"it was not over within {seconds:g} s") from None
    finally:
        connection.set_progress_handler(None, STEPS)


def search(
    connection: sqlite3.Connection, generation: int, query: Query, *, before: Hit | None, limit: int, ends: float
) -> Hits:
    """The next page, or as much of it as is found until then. Raises `SearchTimeout` for nothing."""
    stays = within(query.stays)
    if not stays or not (query.tokens or query.prefix):
        return Hits(())
    given = _match(query, list(stays)), query.tenant, _encode(list(stays)).decode()
    found, top = list[Hit](), NEWEST if before is None else before.order
    size, left = max(FIRST, 2 * limit), LOOKED_THROUGH
    while time.monotonic() < ends:
        [answer] = connection.execute(Statements(generation).search, (*given, top, size)).fetchone()
        seen, lowest, rows = _page.decode(answer)
        rows.sort(reverse=True)
        found += [Hit(number, key) for number, key, where, offset in rows if lies_in(stays, where, offset)]
        left -= seen
        if len(found) > limit:
            return Hits(found[:limit], found[limit - 1])
        if seen < size or lowest is None:
            return Hits(found)
        top, size = lowest, min(4 * size, left)
        if left <= 0:
            return Hits(found, Hit(top))
    if left == LOOKED_THROUGH:
        raise SearchTimeout("there was no time left to look")
    return Hits(found, Hit(top))


def _match(query: Query, conversations: Sequence[str]) -> str:
    """The query in FTS5's language; tokens have no signs of it."""
    every = [f'"{token}"' for token in query.tokens]
    if query.prefix is not None:
        every.append(f'"{query.prefix}" *')
    if query.sender is not None:
        every.append(f'"{_mark(_SENDER, query.sender)}"')
    if len(conversations) <= FEW:
        marks = " OR ".join(f'"{_mark(_CONVERSATION, key)}"' for key in conversations)
        every.append(f"({marks})")
    return " AND ".join(every)


def _mark(kind: str, key: str) -> str:
    return kind + hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
