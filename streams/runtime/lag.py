"""This module waits until a read model has passed the log's current end; it waits out outages and reports a stall.

A read model that is behind and does not move while its store and the log answer has no worker.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from schemas.topics import Partition

POLL_S: Final = 0.02
OUTAGE_S: Final = 1.0
"""Seconds after which a slow answer counts as an outage, during which nothing could move."""
STALLED_AFTER_S: Final = 30.0
"""Seconds without progress after which a read model is stalled: by then a killed worker has been replaced, and Kafka
has assigned its partitions to others.
"""

T = TypeVar("T")
Offsets = Mapping[Partition, int]
ProgressCallback = Callable[[str, int], None]
"""`(read model, records behind)`, called at each check; 0: it has caught up."""


class ReadModelStalled(Exception):
    """The read model is behind the log and does not move: it has no worker."""


def no_progress(_model: str, _behind: int) -> None:
    """Ignore progress."""


def records_behind(offsets: Offsets, goals: Offsets) -> int:
    """Return how many offsets lie between `offsets` and `goals`."""
    return sum(max(0, goal - offsets.get(at, 0)) for at, goal in goals.items())


async def wait_until_caught_up(
    model: str,
    read_offsets: Callable[[], Awaitable[Offsets]],
    read_ends: Callable[[], Awaitable[Offsets]],
    progress: ProgressCallback = no_progress,
) -> Offsets:
    """Wait until the read model has passed the current ends of the log, and return its offsets. `read_offsets` and
    `read_ends` wait until there is an answer.

    Raises `ReadModelStalled`.
    """
    loop = asyncio.get_running_loop()
    goals = await read_ends()
    now, moved_at = await read_offsets(), loop.time()
    while behind := records_behind(now, goals):
        progress(model, behind)
        await asyncio.sleep(POLL_S)
        before = now
        now, away = await _timed(read_offsets)
        if now == before and not away and loop.time() - moved_at > STALLED_AFTER_S:
            _, away = await _timed(read_ends)
            if not away:
                raise ReadModelStalled(
                    f"{model} stands still {behind} records behind the log: does its worker run? `caas worker {model}`"
                )
        if now != before or away:
            moved_at = loop.time()
    progress(model, 0)
    return now


async def _timed(ask: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
    """Return the answer, and whether it had to wait for an outage."""
    loop = asyncio.get_running_loop()
    asked = loop.time()
    answer = await ask()
    return answer, loop.time() - asked > OUTAGE_S
