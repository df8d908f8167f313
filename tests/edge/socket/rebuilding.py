"""Rebuilds of a read model beside a running node."""

import asyncio
from collections.abc import Awaitable, Callable

from projections.stores.memory import MemoryDocuments
from streams.rebuild.rebuild import rebuild, rollback
from streams.rebuild.replay import Fold
from tests.edge.socket.world import World


def quiet(done: int, total: int) -> None:
    """Report no progress."""


async def rebuilt(found: World, fold: Fold) -> None:
    report = await rebuild(
        fold, found.log, found.documents, found.health, scratch=MemoryDocuments(), progress=quiet, pause_s=5.0
    )
    assert report.outcome == "switched", report


async def acted_during_rebuilds(found: World, fold: Fold, act: Callable[[int], Awaitable[object]]) -> int:
    """Act with n = 1, 2, … until the model was rebuilt, rolled back and rebuilt; return the last n. Every third push is
    lost meanwhile.
    """
    done = asyncio.Event()

    async def acts() -> int:
        n = 0
        while not done.is_set():
            n += 1
            found.bus.lose = n % 3 == 0
            await act(n)
            await asyncio.sleep(0.002)
        return n

    busy = asyncio.create_task(acts())
    try:
        await rebuilt(found, fold)
        await rollback(fold, found.log, found.documents, found.health, progress=quiet, pause_s=5.0)
        await rebuilt(found, fold)
    finally:
        done.set()
    count = await busy
    found.bus.lose = False
    return count
