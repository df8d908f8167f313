import asyncio

import pytest

from projections.cache.in_process import InProcessBus, InProcessCache, InProcessPresence
from tests.contracts.hints import BusContract, CacheContract, PresenceContract


@pytest.fixture
def bus() -> InProcessBus:
    return InProcessBus()


@pytest.fixture
def presence() -> InProcessPresence:
    return InProcessPresence()


@pytest.fixture
def cache() -> InProcessCache:
    return InProcessCache()


class TestInProcessBus(BusContract):
    pass


class TestInProcessPresence(PresenceContract):
    pass


class TestInProcessCache(CacheContract):
    pass


async def test_a_subscriber_who_is_too_slow_loses_the_oldest() -> None:
    bus = InProcessBus(queued=3)
    payloads = bus.subscribe("c")
    first = asyncio.create_task(anext(payloads))
    await asyncio.sleep(0)
    await bus.publish([("c", b"%d" % n) for n in range(6)])
    assert [await first, await anext(payloads), await anext(payloads)] == [b"3", b"4", b"5"]


async def test_a_full_cache_lets_go_of_what_was_put_longest_ago() -> None:
    cache = InProcessCache(entries=2)
    for key in ("a", "b", "a", "c"):
        await cache.put(key, key.encode(), 60)
    assert [await cache.get(key) for key in "abc"] == [b"a", None, b"c"]
