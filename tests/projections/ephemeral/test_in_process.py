import asyncio

import pytest

from core.ports.presence_store import PresenceRecord
from projections.ephemeral.in_process import InProcessBus, InProcessCache, InProcessNodeRegistry
from projections.ephemeral.in_process_presence import InProcessPresenceStore
from tests.contracts.hints import BusContract, CacheContract, PresenceContract
from tests.contracts.people import LATE, NOBODY, NOON, PeopleContract, gone


@pytest.fixture
def bus() -> InProcessBus:
    return InProcessBus()


@pytest.fixture
def presence() -> InProcessNodeRegistry:
    return InProcessNodeRegistry()


@pytest.fixture
def people() -> InProcessPresenceStore:
    return InProcessPresenceStore()


@pytest.fixture
def cache() -> InProcessCache:
    return InProcessCache()


class TestInProcessBus(BusContract):
    pass


class TestInProcessNodeRegistry(PresenceContract):
    pass


class TestInProcessPresenceStore(PeopleContract):
    pass


class TestInProcessCache(CacheContract):
    pass


async def test_slow_subscriber_loses_the_oldest() -> None:
    bus = InProcessBus(queued=3)
    payloads = bus.subscribe("c")
    first = asyncio.create_task(anext(payloads))
    await asyncio.sleep(0)
    await bus.publish([("c", b"%d" % n) for n in range(6)])
    assert [await first, await anext(payloads), await anext(payloads)] == [b"3", b"4", b"5"]


async def test_full_cache_drops_entries_put_longest_ago() -> None:
    cache = InProcessCache(entries=2)
    for key in ("a", "b", "a", "c"):
        await cache.put(key, key.encode(), 60)
    assert [await cache.get(key) for key in "abc"] == [b"a", None, b"c"]


async def test_full_presence_store_drops_users_who_left_longest_ago() -> None:
    people = InProcessPresenceStore(max_users=2)
    await people.alive("node", NOON, 60)
    await people.enter("node", {"ann": "online", "ben": "online", "cy": "online"}, NOON)
    await people.leave("node", {"ben": LATE, "cy": LATE})
    await people.leave("node", {"eve": LATE})
    found = await people.find(["ann", "ben", "cy", "eve"])
    assert found["ann"] == PresenceRecord({"node": "online"}, NOON)
    assert NOBODY in found.values()
    assert found["eve"] == gone(LATE)
