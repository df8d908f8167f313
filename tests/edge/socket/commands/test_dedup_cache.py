"""A repeat shares the result of the append that this node remembers."""

import asyncio
from asyncio import Future

import pytest

from core.domain.decision import Rejected
from core.ports.event_log import Unavailable
from edge.socket.commands.dedup_cache import DedupCache


def appending() -> Future[int]:
    return asyncio.get_running_loop().create_future()


async def test_repeat_shares_the_append_and_then_its_position() -> None:
    cache, append = DedupCache(), appending()
    cache.remember("one", 1, append)
    assert cache.known("one", 1) is append
    append.set_result(7)
    await asyncio.sleep(0)
    repeat = cache.known("one", 1)
    assert repeat is not None and repeat is not append and await repeat == 7


async def test_other_content_under_a_known_id_is_rejected() -> None:
    cache, append = DedupCache(), appending()
    cache.remember("one", 1, append)
    for _ in range(2):
        with pytest.raises(Rejected, match="idempotency_conflict"):
            cache.known("one", 2)
        if not append.done():
            append.set_result(7)
            await asyncio.sleep(0)


@pytest.mark.parametrize("cancelled", [True, False])
async def test_failed_append_is_forgotten(cancelled: bool) -> None:
    cache, append = DedupCache(), appending()
    cache.remember("one", 1, append)
    if cancelled:
        append.cancel()
    else:
        append.set_exception(Unavailable("down"))
    await asyncio.wait([append])
    await asyncio.sleep(0)
    assert cache.known("one", 2) is None


async def test_failed_append_does_not_forget_the_one_after_it() -> None:
    cache, first, second = DedupCache(), appending(), appending()
    cache.remember("one", 1, first)
    cache.remember("one", 1, second)
    first.cancel()
    await asyncio.sleep(0)
    assert cache.known("one", 1) is second


async def test_oldest_are_forgotten() -> None:
    cache = DedupCache(size=2)
    for name in ("one", "two", "three"):
        append = appending()
        append.set_result(1)
        cache.remember(name, 1, append)
        await asyncio.sleep(0)
    assert [cache.known(name, 1) is None for name in ("one", "two", "three")] == [True, False, False]
