"""Bus, presence, people and cache on a real Redis."""

from collections.abc import AsyncIterator

import pytest

from projections.ephemeral.redis import RedisBus, RedisCache, RedisNodeRegistry
from projections.ephemeral.redis_presence import RedisPresenceStore
from tests.contracts.hints import BusContract, CacheContract, PresenceContract
from tests.contracts.people import PeopleContract

pytestmark = pytest.mark.stack


@pytest.fixture
async def bus(servers: dict[str, str]) -> AsyncIterator[RedisBus]:
    bus = RedisBus(servers["CAAS_REDIS_SOCKET_URL"])
    await bus.start()
    yield bus
    await bus.stop()


@pytest.fixture
async def presence(servers: dict[str, str]) -> AsyncIterator[RedisNodeRegistry]:
    presence = RedisNodeRegistry(servers["CAAS_REDIS_SOCKET_URL"])
    await presence.start()
    yield presence
    await presence.stop()


@pytest.fixture
async def people(servers: dict[str, str]) -> AsyncIterator[RedisPresenceStore]:
    people = RedisPresenceStore(servers["CAAS_REDIS_SOCKET_URL"])
    await people.start()
    yield people
    await people.stop()


@pytest.fixture
async def cache(servers: dict[str, str]) -> AsyncIterator[RedisCache]:
    cache = RedisCache(servers["CAAS_REDIS_SHARED_URL"])
    await cache.start()
    yield cache
    await cache.stop()


class TestRedisBus(BusContract):
    pass


class TestRedisPresence(PresenceContract):
    pass


class TestRedisPeople(PeopleContract):
    pass


class TestRedisCache(CacheContract):
    pass
