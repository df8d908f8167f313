"""Contracts of every bus, node registry and cache, on servers that other tests use, too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from core.ports.bus import Bus
from core.ports.cache import Cache
from core.ports.node_registry import NodeRegistry
from tests.eventually import eventually

LONG_S = 60.0
SHORT_S = 0.5


def fresh(kind: str) -> str:
    return f"{kind}-{uuid4()}"


@asynccontextmanager
async def listening(bus: Bus, channel: str) -> AsyncIterator[list[bytes]]:
    """Collect the messages of a channel, once the subscription is known to work; without its probes."""
    heard: list[bytes] = []
    probe = f"probe {uuid4()}".encode()

    async def listen() -> None:
        async for payload in bus.subscribe(channel):
            heard.append(payload)  # noqa: PERF401 - it never ends, and what came shall be seen meanwhile

    async def stands() -> None:
        await bus.publish([(channel, probe)])
        assert probe in heard

    async def all_probes_came() -> None:
        last = fresh("last").encode()
        await bus.publish([(channel, last)])
        await eventually(lambda: last in heard)

    task = asyncio.create_task(listen(), name="listen")
    try:
        await eventually(stands)
        await all_probes_came()
        heard.clear()
        yield heard
    finally:
        task.cancel()
        await asyncio.wait([task])


class BusContract:
    """Give a fixture `bus`, ready for use."""

    async def test_subscriber_receives_messages_in_order(self, bus: Bus) -> None:
        channel = fresh("edge")
        payloads = [b"%d" % n for n in range(500)]
        async with listening(bus, channel) as heard:
            for start in range(0, 500, 50):
                await bus.publish([(channel, payload) for payload in payloads[start : start + 50]])
            await eventually(lambda: len(heard) >= 500)
            assert heard == payloads

    async def test_payloads_are_any_bytes(self, bus: Bus) -> None:
        channel = fresh("edge")
        payloads = [b"", b"\x00\xff\r\n", b"x" * 100_000, "☃".encode()]
        async with listening(bus, channel) as heard:
            await bus.publish([(channel, payload) for payload in payloads])
            await eventually(lambda: len(heard) >= len(payloads))
            assert heard == payloads

    async def test_channels_are_separate(self, bus: Bus) -> None:
        one, other = fresh("edge"), fresh("edge")
        async with listening(bus, one) as heard, listening(bus, other) as heard_too:
            await bus.publish([(one, b"1"), (other, b"2"), (one, b"3")])
            await eventually(lambda: len(heard) >= 2 and len(heard_too) >= 1)
            assert (heard, heard_too) == ([b"1", b"3"], [b"2"])

    async def test_every_subscriber_receives_a_message(self, bus: Bus) -> None:
        channel = fresh("edge")
        async with listening(bus, channel) as heard, listening(bus, channel) as heard_too:
            heard.clear()
            await bus.publish([(channel, b"both")])
            await eventually(lambda: heard[-1:] == [b"both"] and heard_too[-1:] == [b"both"])

    async def test_message_without_subscriber_is_lost(self, bus: Bus) -> None:
        channel = fresh("edge")
        await bus.publish([(channel, b"too early")])
        async with listening(bus, channel) as heard:
            await bus.publish([(channel, b"in time")])
            await eventually(lambda: bool(heard))
            assert heard == [b"in time"]

    async def test_leaving_subscriber_does_not_affect_others(self, bus: Bus) -> None:
        channel = fresh("edge")
        async with listening(bus, channel) as heard:
            async with listening(bus, channel):
                pass
            heard.clear()
            await bus.publish([(channel, b"still here")])
            await eventually(lambda: heard == [b"still here"])

    async def test_publishing_nothing_is_harmless(self, bus: Bus) -> None:
        await bus.publish([])


class PresenceContract:
    """Give a fixture `presence`, ready for use."""

    async def test_a_node_is_unknown_once_and_then_known(self, presence: NodeRegistry) -> None:
        node = fresh("node")
        assert await presence.alive(node, LONG_S) is False
        assert await presence.alive(node, LONG_S) is True

    async def test_nodes_returns_live_nodes_of_a_conversation(self, presence: NodeRegistry) -> None:
        one, other = fresh("node"), fresh("node")
        shared, alone, nobodys = fresh("c"), fresh("c"), fresh("c")
        await presence.alive(one, LONG_S)
        await presence.alive(other, LONG_S)
        await presence.enter(one, [shared, alone])
        await presence.enter(other, [shared])
        found = await presence.nodes([shared, alone, nobodys])
        assert found[shared] == frozenset({one, other})
        assert found[alone] == frozenset({one})
        assert found.get(nobodys, frozenset()) == frozenset()

    async def test_entering_twice_is_entering_once(self, presence: NodeRegistry) -> None:
        node, conversation = fresh("node"), fresh("c")
        await presence.alive(node, LONG_S)
        await presence.enter(node, [conversation])
        await presence.enter(node, [conversation])
        await presence.leave(node, [conversation])
        assert (await presence.nodes([conversation])).get(conversation, frozenset()) == frozenset()

    async def test_leave_removes_the_given_conversations_only(self, presence: NodeRegistry) -> None:
        node, left, kept = fresh("node"), fresh("c"), fresh("c")
        await presence.alive(node, LONG_S)
        await presence.enter(node, [left, kept])
        await presence.leave(node, [left])
        found = await presence.nodes([left, kept])
        assert found.get(left, frozenset()) == frozenset()
        assert found[kept] == frozenset({node})

    async def test_node_that_never_called_alive_is_not_returned(self, presence: NodeRegistry) -> None:
        node, conversation = fresh("node"), fresh("c")
        await presence.enter(node, [conversation])
        assert (await presence.nodes([conversation])).get(conversation, frozenset()) == frozenset()

    async def test_silent_node_is_forgotten(self, presence: NodeRegistry) -> None:
        silent, living, conversation = fresh("node"), fresh("node"), fresh("c")
        await presence.alive(silent, SHORT_S)
        await presence.alive(living, LONG_S)
        await presence.enter(silent, [conversation])
        await presence.enter(living, [conversation])
        assert (await presence.nodes([conversation]))[conversation] == frozenset({silent, living})

        async def only_the_living() -> None:
            assert (await presence.nodes([conversation]))[conversation] == frozenset({living})

        await eventually(only_the_living)
        assert await presence.alive(silent, LONG_S) is False

    async def test_calling_alive_in_time_keeps_a_node(self, presence: NodeRegistry) -> None:
        node, conversation = fresh("node"), fresh("c")
        await presence.alive(node, SHORT_S)
        await presence.enter(node, [conversation])
        assert await presence.alive(node, LONG_S) is True
        brief = fresh("node")
        await presence.alive(brief, SHORT_S)
        await presence.enter(brief, [conversation])

        async def brief_is_gone() -> None:
            assert (await presence.nodes([conversation]))[conversation] == frozenset({node})

        await eventually(brief_is_gone)

    async def test_forgotten_node_is_gone_at_once(self, presence: NodeRegistry) -> None:
        node, conversation = fresh("node"), fresh("c")
        await presence.alive(node, LONG_S)
        await presence.enter(node, [conversation])
        await presence.forget(node)
        assert (await presence.nodes([conversation])).get(conversation, frozenset()) == frozenset()
        assert await presence.alive(node, LONG_S) is False

    async def test_announced_node_is_returned_once_until_withdrawn(self, presence: NodeRegistry) -> None:
        node, other, url = fresh("node"), fresh("node"), f"ws://{fresh('host')}/socket"
        assert url not in await presence.announced()
        await presence.announce(node, url, LONG_S)
        await presence.announce(node, url, LONG_S)
        await presence.announce(other, url, LONG_S)
        assert (await presence.announced()).count(url) == 1
        await presence.withdraw(node)
        assert (await presence.announced()).count(url) == 1
        await presence.withdraw(other)
        await presence.withdraw(other)
        assert url not in await presence.announced()

    async def test_announcement_expires(self, presence: NodeRegistry) -> None:
        silent, living = f"ws://{fresh('host')}/socket", f"ws://{fresh('host')}/socket"
        node = fresh("node")
        await presence.announce(fresh("node"), silent, SHORT_S)
        await presence.announce(node, living, SHORT_S)
        await presence.announce(node, living, LONG_S)
        assert {silent, living} <= set(await presence.announced())

        async def only_the_living() -> None:
            found = await presence.announced()
            assert (silent in found, living in found) == (False, True)

        await eventually(only_the_living)
        await presence.withdraw(node)

    async def test_moved_node_is_returned_with_its_new_url(self, presence: NodeRegistry) -> None:
        node, old, new = fresh("node"), f"ws://{fresh('host')}/socket", f"ws://{fresh('host')}/a b"
        await presence.announce(node, old, LONG_S)
        await presence.announce(node, new, LONG_S)
        found = await presence.announced()
        assert (old in found, new in found, found == sorted(found)) == (False, True, True)
        await presence.withdraw(node)

    async def test_empty_call_returns_nothing(self, presence: NodeRegistry) -> None:
        node = fresh("node")
        await presence.enter(node, [])
        await presence.leave(node, [])
        assert dict(await presence.nodes([])) == {}
        await presence.forget(node)


class CacheContract:
    """Give a fixture `cache`, ready for use."""

    async def test_missing_key_returns_none(self, cache: Cache) -> None:
        assert await cache.get(fresh("key")) is None

    async def test_stored_value_is_returned(self, cache: Cache) -> None:
        for value in (b"", b"\x00\xff", b"x" * 100_000):
            key = fresh("key")
            await cache.put(key, value, LONG_S)
            assert await cache.get(key) == value

    async def test_last_put_wins(self, cache: Cache) -> None:
        key = fresh("key")
        await cache.put(key, b"old", LONG_S)
        await cache.put(key, b"new", LONG_S)
        assert await cache.get(key) == b"new"

    async def test_value_expires(self, cache: Cache) -> None:
        short, long = fresh("key"), fresh("key")
        await cache.put(short, b"1", SHORT_S)
        await cache.put(long, b"2", LONG_S)
        assert await cache.get(short) == b"1"

        async def short_is_gone() -> None:
            assert await cache.get(short) is None

        await eventually(short_is_gone)
        assert await cache.get(long) == b"2"
