"""Pages of what a member reads, also where they have hidden messages: those are passed over, as if they were not there.

A page is full where there is enough, and says truly whether there is more that is shown: so nobody leafs through empty
pages, and what is read for one page is bounded by what its reader has hidden around it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeVar

from core.ports.documents import Row
from projections.queries import message_ranges
from projections.queries.message_ranges import Ranges, Slice
from schemas.commands.queries import History

AT_ONCE: Final = 200
"""Number of rows that are looked through at one time."""
NUMBERS_AT_ONCE: Final = 1_000
"""Number of messages of which is looked at one time, without their rows, which of them are hidden."""
CLOSE: Final = 8
"""Messages that lie no further apart are read together, with those in between."""

T = TypeVar("T")
Read = Callable[[Ranges], Awaitable[list[Row]]]
"""The rows with these numbers, in their order."""
Shown = Callable[[Ranges], Awaitable[list[T]]]
"""Those of these that are not hidden, in their order."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page, and whether there is more before and after it."""

    rows: Sequence[T]
    more_before: bool
    more_after: bool


async def plain(mine: Ranges, asked: History, read: Read) -> Page[Row]:
    """The page that was asked for, of somebody who has hidden nothing there."""
    cut = _cut(mine, asked)
    return Page(await read(cut.ranges), cut.more_before, cut.more_after)


def _cut(mine: Ranges, asked: History) -> Slice:
    if asked.after is not None:
        return message_ranges.after(mine, asked.after, asked.limit)
    if asked.around is not None:
        return message_ranges.around(mine, asked.around, asked.limit)
    return message_ranges.before(mine, asked.before, asked.limit)


async def numbered(mine: Ranges, asked: History, read: Read, shown: Shown[int]) -> Page[Row]:
    """The page that was asked for, of what is shown: only its own rows are read, and few between them."""
    leaf = await passing(mine, asked, shown, NUMBERS_AT_ONCE)
    wanted = frozenset(leaf.rows)
    rows = [row for row in await read(_spans(leaf.rows)) if row["sent"]["n"] in wanted]
    return Page(rows, leaf.more_before, leaf.more_after)


def _spans(numbers: Sequence[int]) -> Ranges:
    spans: list[range] = []
    for n in numbers:
        if spans and n - spans[-1].stop < CLOSE:
            spans[-1] = range(spans[-1].start, n + 1)
        else:
            spans.append(range(n, n + 1))
    return spans


async def passing(mine: Ranges, asked: History, shown: Shown[T], at_once: int) -> Page[T]:
    """The page that was asked for, of what is shown; `at_once` are looked at at one time."""
    limit = asked.limit
    if asked.after is not None:
        before = await last_before(mine, asked.after + 1, 1, shown, at_once)
        after = await _after(mine, asked.after, limit + 1, shown, at_once)
        return Page(after[:limit], bool(before), len(after) > limit)
    if asked.around is None:
        before = await last_before(mine, asked.before, limit + 1, shown, at_once)
        after = [] if asked.before is None else await _after(mine, asked.before - 1, 1, shown, at_once)
        return Page(before[-limit:], len(before) > limit, bool(after))
    before = await last_before(mine, asked.around, limit + 1, shown, at_once)
    after = await _after(mine, asked.around - 1, limit + 1, shown, at_once)
    left = min(len(before), max(limit // 2, limit - len(after)))
    right = min(len(after), limit - left)
    return Page([*before[len(before) - left :], *after[:right]], len(before) > left, len(after) > right)


async def _after(mine: Ranges, seq: int, most: int, shown: Shown[T], at_once: int) -> list[T]:
    """The first ones after `seq` that are shown."""
    found: list[T] = []
    while len(found) < most:
        cut = message_ranges.after(mine, seq, at_once)
        found += await shown(cut.ranges)
        if not cut.more_after:
            break
        seq = cut.ranges[-1][-1]
    return list(islice(found, most))


async def last_before(mine: Ranges, seq: int | None, most: int, shown: Shown[T], at_once: int) -> list[T]:
    """The last ones before `seq`, or of all, that are shown."""
    found: list[T] = []
    while len(found) < most:
        cut = message_ranges.before(mine, seq, at_once)
        found = [*await shown(cut.ranges), *found]
        if not cut.more_before:
            break
        seq = cut.ranges[0][0]
    return found[-most:]
