"""Pages of the messages that a member may read, without those they have hidden.

A page is full if there are enough messages, and says exactly whether there are more that are shown: so a client gets no
empty pages, and the number of rows read for a page is bounded by the messages its reader has hidden around it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeVar

from core.ports.documents import Row
from projections.queries import message_ranges
from projections.queries.message_ranges import Ranges, Slice
from schemas.commands.queries import History

BATCH_SIZE: Final = 200
"""Maximum number of rows that are read together."""
NUMBERS_BATCH_SIZE: Final = 1_000
"""Maximum number of messages that are checked together for being hidden, without their rows."""
MAX_GAP: Final = 8
"""Maximum gap between two messages that are read together, with those in between."""

T = TypeVar("T")
Read = Callable[[Ranges], Awaitable[list[Row]]]
"""Return the rows with these numbers, in order."""
Shown = Callable[[Ranges], Awaitable[list[T]]]
"""Return those of these messages that are not hidden, in order."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page, and whether there is more before and after it."""

    rows: Sequence[T]
    more_before: bool
    more_after: bool


async def plain(mine: Ranges, query: History, read: Read) -> Page[Row]:
    """Return the page of a query, for a reader who has hidden nothing in the conversation."""
    cut = _cut(mine, query)
    return Page(await read(cut.ranges), cut.more_before, cut.more_after)


def _cut(mine: Ranges, query: History) -> Slice:
    if query.after is not None:
        return message_ranges.after(mine, query.after, query.limit)
    if query.around is not None:
        return message_ranges.around(mine, query.around, query.limit)
    return message_ranges.before(mine, query.before, query.limit)


async def numbered(mine: Ranges, query: History, read: Read, shown: Shown[int]) -> Page[Row]:
    """Return the page of a query, of shown messages: only its own rows are read, and few between them."""
    page = await skipping(mine, query, shown, NUMBERS_BATCH_SIZE)
    wanted = frozenset(page.rows)
    rows = [row for row in await read(_spans(page.rows)) if row["sent"]["n"] in wanted]
    return Page(rows, page.more_before, page.more_after)


def _spans(numbers: Sequence[int]) -> Ranges:
    spans: list[range] = []
    for n in numbers:
        if spans and n - spans[-1].stop < MAX_GAP:
            spans[-1] = range(spans[-1].start, n + 1)
        else:
            spans.append(range(n, n + 1))
    return spans


async def skipping(mine: Ranges, query: History, shown: Shown[T], batch_size: int) -> Page[T]:
    """Return the page of a query, of shown messages; `batch_size` messages are checked together."""
    limit = query.limit
    if query.after is not None:
        before = await last_before(mine, query.after + 1, 1, shown, batch_size)
        after = await _after(mine, query.after, limit + 1, shown, batch_size)
        return Page(after[:limit], bool(before), len(after) > limit)
    if query.around is None:
        before = await last_before(mine, query.before, limit + 1, shown, batch_size)
        after = [] if query.before is None else await _after(mine, query.before - 1, 1, shown, batch_size)
        return Page(before[-limit:], len(before) > limit, bool(after))
    before = await last_before(mine, query.around, limit + 1, shown, batch_size)
    after = await _after(mine, query.around - 1, limit + 1, shown, batch_size)
    left = min(len(before), max(limit // 2, limit - len(after)))
    right = min(len(after), limit - left)
    return Page([*before[len(before) - left :], *after[:right]], len(before) > left, len(after) > right)


async def _after(mine: Ranges, seq: int, count: int, shown: Shown[T], batch_size: int) -> list[T]:
    """Return the first `count` messages after `seq` that are shown."""
    found: list[T] = []
    while len(found) < count:
        cut = message_ranges.after(mine, seq, batch_size)
        found += await shown(cut.ranges)
        if not cut.more_after:
            break
        seq = cut.ranges[-1][-1]
    return list(islice(found, count))


async def last_before(mine: Ranges, seq: int | None, count: int, shown: Shown[T], batch_size: int) -> list[T]:
    """Return the last `count` messages before `seq`, or of all, that are shown."""
    found: list[T] = []
    while len(found) < count:
        cut = message_ranges.before(mine, seq, batch_size)
        found = [*await shown(cut.ranges), *found]
        if not cut.more_before:
            break
        seq = cut.ranges[0][0]
    return found[-count:]
