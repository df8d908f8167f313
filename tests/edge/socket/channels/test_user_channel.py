"""Inbox changes are pushed to all sessions of their user and to no others, in order, each number once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.identity import Identity
from core.ports.documents import Documents, TableGeneration
from edge.socket.channels.channel_state import Recovering
from edge.socket.channels.user_channel import UserChannel
from edge.socket.node import Node
from projections.inbox import inbox_rows
from schemas.wire.frames import USER, Push
from tests.edge.socket.distant import Distant
from tests.edge.socket.own import OTHER, ROOM, act, acted, head, hid, muted, numbers, read, views
from tests.edge.socket.world import TENANT, Person, World
from tests.eventually import eventually

KEY = inbox_rows.channel_of(TENANT, "ann")


async def test_own_lane_is_pushed_to_all_sessions_of_its_user_only(running: tuple[World, Node]) -> None:
    found, node = running
    ann, again, ben = [await Person(node, user).come() for user in ("ann", "ann", "ben")]
    stranger = Person(node, "ann")
    stranger.client = await node.connect(Identity("other", "ann", 4e9), stranger._hear)
    await acted(found, read(3), muted())
    await eventually(lambda: numbers(ann) == numbers(again) == [1, 2])
    assert [(view["read"], view["muted"]) for view in views(ann)][-1] == (3, True)
    await act(found, read(1, user="ben"))
    await act(found, read(2, tenant="other"))
    await eventually(lambda: numbers(ben) == numbers(stranger) == [1])
    assert numbers(ann) == [1, 2]


async def test_own_lane_is_pushed_at_another_node(running: tuple[World, Node]) -> None:
    found, node = running
    other = found.node("two")
    await other.start()
    try:
        here, there = await Person(node, "ann").come(), await Person(other, "ann").come()
        await acted(found, read(1))
        await eventually(lambda: numbers(here) == numbers(there) == [1])
    finally:
        await other.stop()


async def test_lost_push_is_delivered_before_the_next(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    found.bus.lose = True
    await acted(found, hid("m1"), read(1, OTHER))
    found.bus.lose = False
    await acted(found, read(2))
    await eventually(lambda: numbers(ann) == [1, 2, 3])
    assert [view.get("hidden") for view in views(ann)] == ["m1", None, None]


async def test_lost_push_is_delivered_at_the_next_poll(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    found.bus.lose = True
    await acted(found, read(1))
    assert numbers(ann) == []
    await node.look()
    await eventually(lambda: numbers(ann) == [1])


async def test_moved_row_is_delivered_at_its_newer_number_and_hiding_always(
    running: tuple[World, Node],
) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    found.bus.lose = True
    await acted(found, read(1), hid("m1"), read(2), hid("m2", OTHER))
    await node.look()
    await eventually(lambda: numbers(ann) == [2, 3, 4])
    assert [view.get("hidden") for view in views(ann)] == ["m1", None, "m2"]


async def test_duplicate_push_is_delivered_once(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    found.bus.double = True
    await acted(found, read(1), read(2), read(3))
    await eventually(lambda: numbers(ann) == [1, 2, 3])
    await node.look()
    assert numbers(ann) == [1, 2, 3]
    assert found.health.counted["push_duplicate"] >= 3


class Slow:
    """A store that holds back the inbox actions of a user until it is released."""

    def __init__(self, inner: Documents) -> None:
        self._inner = inner
        self.may = asyncio.Event()
        self.asked = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def find(self, place: TableGeneration, *about: Any, **within: Any) -> Any:
        rows = await self._inner.find(place, *about, **within)
        if place.table.model == inbox_rows.MODEL:
            self.asked.set()
            await self.may.wait()
        return rows


def waiting(channel: UserChannel) -> list[int]:
    """Return the numbers of the pushes that wait in a recovering channel."""
    assert isinstance(channel.state, Recovering)
    return [job.n for job in channel.state.queue.jobs if isinstance(job, Push)]


async def test_push_during_healing_is_delivered_once_in_order(running: tuple[World, Node]) -> None:
    found, _ = running
    documents = Slow(found.documents)
    node = found.node("two", documents=documents)
    await node.start()
    try:
        ann = await Person(node, "ann").come()
        found.bus.hold = True
        await acted(found, read(1))
        found.bus.hold, found.bus.lose = False, True
        await acted(found, read(1, OTHER))
        found.bus.lose = False
        user = node.hub.users._channels[KEY]
        node.hub.users.recover({KEY: {USER: 2}}, node.current._lanes.life)
        await documents.asked.wait()
        await acted(found, read(3))  # now the first is pushed as well, and it is the next
        await eventually(lambda: 3 in waiting(user))
        documents.may.set()
        await eventually(lambda: numbers(ann)[-1:] == [3])
        assert numbers(ann) == sorted(set(numbers(ann)))
    finally:
        await node.stop()


async def test_registry_has_the_nodes_of_a_user(running: tuple[World, Node]) -> None:
    found, node = running

    async def at() -> frozenset[str]:
        return (await found.presence.nodes([KEY]))[KEY]

    first, last = await Person(node, "ann").come(), await Person(node, "ann").come()
    assert await at() == {"one"}
    first.go()
    await node._registration.beat(node.hub.held)
    assert await at() == {"one"}
    found.presence._held.clear()
    found.presence._alive_until.clear()
    await node._registration.beat(node.hub.held)
    assert await at() == {"one"}
    last.go()

    async def gone() -> bool:
        return await at() == frozenset()

    await eventually(gone)
    assert list(node.hub.held()) == []


async def test_second_session_during_opening_receives_pushes(
    running: tuple[World, Node],
) -> None:
    found, node = running
    both = await asyncio.gather(Person(node, "ann").come(), Person(node, "ann").come())
    await acted(found, read(1))
    await eventually(lambda: all(numbers(one) == [1] for one in both))


async def test_session_abandoned_during_opening_leaves_no_state(running: tuple[World, Node]) -> None:
    found, node = running
    documents = Distant(found.documents)
    node.current._lanes._documents = documents
    stuck = asyncio.Event()

    async def wait(_place: object, _ids: object) -> dict[str, object]:
        stuck.set()
        await asyncio.Event().wait()
        return {}

    documents.get = wait  # type: ignore[method-assign]
    coming = asyncio.create_task(Person(node, "ann").come())
    await stuck.wait()
    coming.cancel()
    await asyncio.wait([coming])
    assert list(node.hub.held()) == []


# During a store outage


@pytest.fixture
async def late(running: tuple[World, Node]) -> AsyncIterator[tuple[World, Node, Distant]]:
    """A node whose store is unreachable before Ann connects."""
    found, _ = running
    await acted(found, read(1))
    documents = Distant(found.documents)
    node = found.node("two", documents=documents)
    await node.start()
    documents.cut = True
    try:
        yield found, node, documents
    finally:
        await node.stop()


async def test_user_connected_during_store_outage_receives_pushes_after_it(
    late: tuple[World, Node, Distant],
) -> None:
    found, node, documents = late
    ann = await Person(node, "ann").come()
    await acted(found, read(2), hid("m1"))
    assert numbers(ann) == []
    documents.cut = False
    await eventually(lambda: numbers(ann) == [2, 3] or numbers(ann) == [3])
    assert views(ann)[-1]["hidden"] == "m1"
    await acted(found, read(4))
    await eventually(lambda: numbers(ann)[-1] == 4)


async def test_row_missing_in_sync_is_delivered_though_its_push_was_lost_before_any_poll(
    late: tuple[World, Node, Distant],
) -> None:
    found, node, documents = late
    ann = await Person(node, "ann").come()
    documents.cut_for_own, documents.cut = True, False
    answer = await ann.ask("sync", positions={}, user=1)
    assert answer["data"]["user"] == 1
    found.bus.lose = True
    await acted(found, read(2))
    documents.cut_for_own = False
    await eventually(lambda: numbers(ann) == [2])


async def test_disconnected_user_with_unknown_head_is_removed(late: tuple[World, Node, Distant]) -> None:
    _, node, _ = late
    ann = await Person(node, "ann").come()
    ann.go()
    assert list(node.hub.held()) == []


async def test_healing_waits_for_a_store_that_goes_down(late: tuple[World, Node, Distant]) -> None:
    found, node, documents = late
    documents.cut = False
    ann = await Person(node, "ann").come()
    documents.cut_for_own, found.bus.lose = True, True
    await acted(found, read(2))
    found.bus.lose = False
    await acted(found, read(3, OTHER))
    await eventually(lambda: found.health.counted["heal_waits"] > 0)
    assert numbers(ann) == []
    documents.cut_for_own = False
    await eventually(lambda: numbers(ann) == [2, 3])
    assert head(found) == 3
    assert views(ann)[0]["conversation_id"] == ROOM
