"""Bus, presence, people and cache while Redis is frozen or down: calls fail fast, and recover by themselves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest

from core.ports.event_log import Unavailable
from core.ports.presence_store import PresenceRecord
from deploy.local.stack import Stack
from projections.ephemeral.redis import RedisBus, RedisCache, RedisNodeRegistry
from projections.ephemeral.redis_client import MAX_CONNECTIONS
from projections.ephemeral.redis_presence import RedisPresenceStore
from tests.contracts.hints import LONG_S, fresh, listening
from tests.contracts.people import NOON
from tests.eventually import eventually

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.usefixtures("comes_back")]

ROLE = "redis"
SERVER = "redis-socket"
BOUND_S = 0.4
"""Maximum duration of a call in seconds: 200 ms, and the delay of a busy machine."""


def url_of(stack: Stack) -> str:
    return stack.env()["CAAS_REDIS_SOCKET_URL"]


@pytest.fixture
async def bus(spare: Stack) -> AsyncIterator[RedisBus]:
    bus = RedisBus(url_of(spare))
    await bus.start()
    yield bus
    await bus.stop()


@pytest.fixture
async def presence(spare: Stack) -> AsyncIterator[RedisNodeRegistry]:
    presence = RedisNodeRegistry(url_of(spare))
    await presence.start()
    yield presence
    await presence.stop()


@pytest.fixture
async def people(spare: Stack) -> AsyncIterator[RedisPresenceStore]:
    people = RedisPresenceStore(url_of(spare))
    await people.start()
    yield people
    await people.stop()


@pytest.fixture
async def cache(spare: Stack) -> AsyncIterator[RedisCache]:
    cache = RedisCache(url_of(spare))
    await cache.start()
    yield cache
    await cache.stop()


def every_call(
    bus: RedisBus, presence: RedisNodeRegistry, people: RedisPresenceStore, cache: RedisCache
) -> list[Awaitable[object]]:
    return [
        bus.publish([("edge:1", b"x"), ("edge:2", b"y")]),
        presence.alive("n1", LONG_S),
        presence.enter("n1", ["c1"]),
        presence.leave("n1", ["c1"]),
        presence.nodes(["c1", "c2"]),
        presence.forget("n1"),
        people.alive("n1", NOON, LONG_S),
        people.enter("n1", {"ann": "online", "ben": "away"}, NOON),
        people.leave("n1", {"ben": NOON}),
        people.find(["ann", "ben"]),
        people.typing(["ann"], ["ben"], again_s=LONG_S, ttl_s=LONG_S),
        people.forget("n1", NOON),
        cache.get("k"),
        cache.put("k", b"v", LONG_S),
    ]


@pytest.mark.parametrize("how", ["freeze", "stop"])
async def test_every_call_raises_unavailable_within_its_bound_and_recovers(
    spare: Stack, bus: RedisBus, presence: RedisNodeRegistry, people: RedisPresenceStore, cache: RedisCache, how: str
) -> None:
    await asyncio.gather(*every_call(bus, presence, people, cache))
    spare.freeze(SERVER) if how == "freeze" else spare.stop(SERVER)
    loop = asyncio.get_running_loop()
    for call in every_call(bus, presence, people, cache):
        began = loop.time()
        with pytest.raises(Unavailable):
            await call
        assert loop.time() - began < BOUND_S
    spare.thaw(SERVER) if how == "freeze" else await asyncio.to_thread(spare.start, SERVER)
    await asyncio.gather(*every_call(bus, presence, people, cache))


async def test_many_calls_at_once_are_all_bounded_and_exhaust_nothing(
    spare: Stack, bus: RedisBus, presence: RedisNodeRegistry, people: RedisPresenceStore, cache: RedisCache
) -> None:
    spare.freeze(SERVER)
    loop = asyncio.get_running_loop()
    began = loop.time()
    calls = [call for _ in range(3 * MAX_CONNECTIONS) for call in every_call(bus, presence, people, cache)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
    assert loop.time() - began < 3 * BOUND_S
    spare.thaw(SERVER)
    await eventually(lambda: asyncio.gather(*every_call(bus, presence, people, cache)))
    for _ in range(3):
        await asyncio.gather(*(presence.nodes(["c1"]) for _ in range(2 * MAX_CONNECTIONS)))


@pytest.mark.parametrize("how", ["freeze", "stop"])
async def test_listener_receives_again_after_an_outage(spare: Stack, bus: RedisBus, how: str) -> None:
    channel = fresh("edge")
    async with listening(bus, channel) as heard:
        await bus.publish([(channel, b"before")])
        await eventually(lambda: heard == [b"before"])
        spare.freeze(SERVER) if how == "freeze" else spare.stop(SERVER)
        with pytest.raises(Unavailable):
            await bus.publish([(channel, b"lost")])
        spare.thaw(SERVER) if how == "freeze" else await asyncio.to_thread(spare.start, SERVER)

        async def again() -> bool:
            await bus.publish([(channel, b"after")])
            return b"after" in heard

        await eventually(again, within=15)


async def test_restarted_server_has_forgotten_a_node(spare: Stack, presence: RedisNodeRegistry) -> None:
    assert await presence.alive("n9", LONG_S) is False
    assert await presence.alive("n9", LONG_S) is True
    spare.kill(SERVER)
    await asyncio.to_thread(spare.start, SERVER)
    assert await presence.alive("n9", LONG_S) is False


async def test_restarted_server_has_forgotten_all_users(spare: Stack, people: RedisPresenceStore) -> None:
    assert await people.alive("n9", NOON, LONG_S) is False
    await people.enter("n9", {"cy": "online"}, NOON)
    assert await people.alive("n9", NOON, LONG_S) is True
    spare.kill(SERVER)
    await asyncio.to_thread(spare.start, SERVER)
    assert (await people.find(["cy"]))["cy"] == PresenceRecord({}, None)
    assert await people.alive("n9", NOON, LONG_S) is False


async def test_nothing_runs_on_after_stop(spare: Stack) -> None:
    others = asyncio.all_tasks()
    bus = RedisBus(url_of(spare))
    await bus.start()
    async with listening(bus, fresh("edge")):
        await bus.publish([("edge:1", b"x")])
    await bus.stop()
    await bus.stop()
    assert asyncio.all_tasks() <= others
    with pytest.raises(Unavailable):
        await bus.publish([("edge:1", b"x")])


async def test_published_messages_arrive_in_the_order_of_the_calls(bus: RedisBus) -> None:
    channel = fresh("edge")
    async with listening(bus, channel) as heard:
        large = [b"%d %s" % (n, b"x" * 3000) for n in range(200)]
        await asyncio.gather(
            *(bus.publish([(channel, one) for one in large[at : at + 50]]) for at in (0, 50, 100, 150))
        )
        await eventually(lambda: len(heard) == 200)
        assert heard == large
