"""Reads one page of a search from FTS5: newest first, one part of the index after another, until the page is full.

A message's conversation and sender are tokens too, which no text has: so for a user with few conversations only the
messages of these are read. With many, FTS5 would go through all of them at each step; then the messages with the words
are filtered, up to a maximum for a page, and the page has the place where the rest begins.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from core import search_text
from core.ports.search_index import Entry, Hit, Hits, Query, SearchTimeout, is_in_ranges, ranges_by_conversation
from projections.search.fts_statements import Statements

MAX_CONVERSATION_TOKENS: Final = 200
"""Maximum number of conversations that FTS5 is queried for by their tokens."""
MIN_BATCH_SIZE: Final = 100
MAX_SCANNED: Final = 20_000
"""Maximum number of messages with the words that are read for one page."""
CHECK_INTERVAL_STEPS: Final = 10_000
"""Interval between checks of the time, in steps of SQLite."""
NEWEST: Final = (1 << 63) - 1
_CONVERSATION: Final = "\ue000"
_SENDER: Final = "\ue001"
"""Prefixes of tokens that no text has."""

_encode: Final = msgspec.json.Encoder().encode
_page: Final = msgspec.json.Decoder(tuple[int, int | None, list[tuple[int, str, str, int]]])


def words_of(entry: Entry) -> str | None:
    """Return all tokens of a message, separated by spaces; None for a removed message."""
    if entry.text is None:
        return None
    scope = _token(_CONVERSATION, entry.conversation_id), _token(_SENDER, entry.sender)
    return " ".join((*search_text.tokens(entry.text), *scope))


@contextmanager
def limited(connection: sqlite3.Connection, seconds: float) -> Iterator[float]:
    """Bound the statements inside to `seconds`; yields the deadline (monotonic time). Raises `SearchTimeout`."""
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, CHECK_INTERVAL_STEPS)
    try:
        yield deadline
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        raise SearchTimeout(f"not finished within {seconds:g} s") from None
    finally:
        connection.set_progress_handler(None, CHECK_INTERVAL_STEPS)


def search(
    connection: sqlite3.Connection, generation: int, query: Query, *, before: Hit | None, limit: int, deadline: float
) -> Hits:
    """Return the next page, or the part found before `deadline`. Raises `SearchTimeout` if nothing was read."""
    ranges = ranges_by_conversation(query.ranges)
    if not ranges or not (query.tokens or query.prefix):
        return Hits(())
    parameters = _match(query, list(ranges)), query.tenant, _encode(list(ranges)).decode()
    found, top = list[Hit](), NEWEST if before is None else before.order
    size, left = max(MIN_BATCH_SIZE, 2 * limit), MAX_SCANNED
    while time.monotonic() < deadline:
        [answer] = connection.execute(Statements(generation).search, (*parameters, top, size)).fetchone()
        seen, lowest, rows = _page.decode(answer)
        rows.sort(reverse=True)
        found += [Hit(number, key) for number, key, where, offset in rows if is_in_ranges(ranges, where, offset)]
        left -= seen
        if len(found) > limit:
            return Hits(found[:limit], found[limit - 1])
        if seen < size or lowest is None:
            return Hits(found)
        top, size = lowest, min(4 * size, left)
        if left <= 0:
            return Hits(found, Hit(top))
    if left == MAX_SCANNED:
        raise SearchTimeout("no time left for the search")
    return Hits(found, Hit(top))


def _match(query: Query, conversations: Sequence[str]) -> str:
    """Return the query in FTS5's syntax; tokens contain no characters of it."""
    terms = [f'"{token}"' for token in query.tokens]
    if query.prefix is not None:
        terms.append(f'"{query.prefix}" *')
    if query.sender is not None:
        terms.append(f'"{_token(_SENDER, query.sender)}"')
    if len(conversations) <= MAX_CONVERSATION_TOKENS:
        scope = " OR ".join(f'"{_token(_CONVERSATION, key)}"' for key in conversations)
        terms.append(f"({scope})")
    return " AND ".join(terms)


def _token(kind: str, key: str) -> str:
    return kind + hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
