"""Waiting until a read model has passed the log's end of now: an outage is waited out, a standstill is told.

A read model that is behind and does not move while its store and the log answer has nobody who works it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from schemas.topics import Partition

POLL_S: Final = 0.02
OUTAGE_S: Final = 1.0
"""An answer that took longer was waited for: meanwhile nothing could move."""
STANDS_STILL_S: Final = 30.0
"""By then a worker that was killed has been replaced, and Kafka has given its partitions to others."""

T = TypeVar("T")
Offsets = Mapping[Partition, int]
ProgressCallback = Callable[[str, int], None]
"""`(read model, records behind)`, at each look; 0: it is there."""


class StandsStill(Exception):
    """The read model is behind the log and does not move: nobody works it."""


def no_progress(_model: str, _behind: int) -> None:
    """Nobody watches."""


def left(stands: Offsets, goals: Offsets) -> int:
    """How many offsets lie between where somebody stands and there."""
    return sum(max(0, goal - stands.get(at, 0)) for at, goal in goals.items())


async def passed(
    model: str,
    stands: Callable[[], Awaitable[Offsets]],
    ends: Callable[[], Awaitable[Offsets]],
    told: ProgressCallback = no_progress,
) -> Offsets:
    """Where the read model `stands` once it has passed the log's `ends` of now; both wait until there is an answer.

    Raises `StandsStill`.
    """
    loop = asyncio.get_running_loop()
    goals = await ends()
    now, moved = await stands(), loop.time()
    while behind := left(now, goals):
        told(model, behind)
        await asyncio.sleep(POLL_S)
        before = now
        now, away = await _timed(stands)
        if now == before and not away and loop.time() - moved > STANDS_STILL_S:
            _, away = await _timed(ends)
            if not away:
                raise StandsStill(
                    f"{model} stands still {behind} records behind the log: does its worker run? `caas worker {model}`"
                )
        if now != before or away:
            moved = loop.time()
    told(model, 0)
    return now


async def _timed(ask: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
    """The answer, and whether an outage was waited out for it."""
    loop = asyncio.get_running_loop()
    asked = loop.time()
    answer = await ask()
    return answer, loop.time() - asked > OUTAGE_S
