"""Pages of what a member reads, also where they have hidden messages: those are passed over, as if they were not there.

A page is full where there is enough, and says truly whether there is more that is shown: so nobody leafs through empty
pages, and what is read for one page is bounded by what its reader has hidden around it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from core.ports.documents import Row
from edge.socket import stays
from edge.socket.stays import Cut, Ranges
from schemas.queries import History

AT_ONCE: Final = 200

Read = Callable[[Ranges], Awaitable[list[Row]]]
"""The rows with these numbers, in their order."""
Shown = Callable[[Sequence[Row]], Awaitable[list[Row]]]
"""Those of these rows that are not hidden."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page, and whether there is more before and after it."""

    rows: Sequence[Row]
    more_before: bool
    more_after: bool


async def plain(mine: Ranges, asked: History, read: Read) -> Leaf:
    """The page that was asked for, of somebody who has hidden nothing there."""
    cut = _cut(mine, asked)
    return Leaf(await read(cut.ranges), cut.more_before, cut.more_after)


def _cut(mine: Ranges, asked: History) -> Cut:
    if asked.after is not None:
        return stays.after(mine, asked.after, asked.limit)
    if asked.around is not None:
        return stays.around(mine, asked.around, asked.limit)
    return stays.before(mine, asked.before, asked.limit)


async def passing(mine: Ranges, asked: History, read: Read, shown: Shown) -> Leaf:
    """The page that was asked for, of what is shown."""
    limit = asked.limit
    if asked.after is not None:
        before = await _before(mine, asked.after + 1, 1, read, shown)
        after = await _after(mine, asked.after, limit + 1, read, shown)
        return Leaf(after[:limit], bool(before), len(after) > limit)
    if asked.around is None:
        before = await _before(mine, asked.before, limit + 1, read, shown)
        after = [] if asked.before is None else await _after(mine, asked.before - 1, 1, read, shown)
        return Leaf(before[-limit:], len(before) > limit, bool(after))
    before = await _before(mine, asked.around, limit + 1, read, shown)
    after = await _after(mine, asked.around - 1, limit + 1, read, shown)
    left = min(len(before), max(limit // 2, limit - len(after)))
    right = min(len(after), limit - left)
    return Leaf([*before[len(before) - left :], *after[:right]], len(before) > left, len(after) > right)


async def _after(mine: Ranges, seq: int, most: int, read: Read, shown: Shown) -> list[Row]:
    """The first ones after `seq` that are shown."""
    found: list[Row] = []
    while len(found) < most:
        cut = stays.after(mine, seq, AT_ONCE)
        found += await shown(await read(cut.ranges))
        if not cut.more_after:
            break
        seq = cut.ranges[-1][-1]
    return list(islice(found, most))


async def _before(mine: Ranges, seq: int | None, most: int, read: Read, shown: Shown) -> list[Row]:
    """The last ones before `seq`, or of all, that are shown."""
    found: list[Row] = []
    while len(found) < most:
        cut = stays.before(mine, seq, AT_ONCE)
        found = [*await shown(await read(cut.ranges)), *found]
        if not cut.more_before:
            break
        seq = cut.ranges[0][0]
    return found[-most:]
