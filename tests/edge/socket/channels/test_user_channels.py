"""What a user does to their inbox is told to all of their sessions and to nobody else, in order, each number once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.identity import Identity
from core.ports.documents import Documents, TableGeneration
from edge.socket.node import Node
from projections.inbox import inbox_rows
from tests.edge.socket.distant import Distant
from tests.edge.socket.own import OTHER, ROOM, act, acted, head, hid, muted, numbers, read, views
from tests.edge.socket.world import TENANT, Person, World
from tests.eventually import eventually

KEY = inbox_rows.channel_of(TENANT, "ann")


async def test_every_session_of_the_user_is_told_and_nobody_else(running: tuple[World, Node]) -> None:
    found, node = running
    ann, again, ben = [await Person(node, user).come() for user in ("ann", "ann", "ben")]
    stranger = Person(node, "ann")
    stranger.visit = await node.connect(Identity("other", "ann", 4e9), stranger._hear)
    await acted(found, read(3), muted())
    await eventually(lambda: numbers(ann) == numbers(again) == [1, 2])
    assert [(view["read"], view["muted"]) for view in views(ann)][-1] == (3, True)
    await act(found, read(1, user="ben"))
    await act(found, read(2, tenant="other"))
    await eventually(lambda: numbers(ben) == numbers(stranger) == [1])
    assert numbers(ann) == [1, 2]


async def test_a_session_at_another_node_is_told_too(running: tuple[World, Node]) -> None:
    found, node = running
    other = found.node("two")
    await other.start()
    try:
        here, there = await Person(node, "ann").come(), await Person(other, "ann").come()
        await acted(found, read(1))
        await eventually(lambda: numbers(here) == numbers(there) == [1])
    finally:
        await other.stop()


async def test_a_push_that_was_lost_is_told_before_the_next(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    found.bus.lose = True
    await acted(found, hid("m1"), read(1, OTHER))
    found.bus.lose = False
    await acted(found, read(2))
    await eventually(lambda: numbers(ann) == [1, 2, 3])
    assert [view.get("hidden") for view in views(ann)] == ["m1", None, None]


async def test_a_push_that_was_lost_is_told_at_the_next_look(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    found.bus.lose = True
    await acted(found, read(1))
    assert numbers(ann) == []
    await node.look()
    await eventually(lambda: numbers(ann) == [1])


async def test_a_row_that_moved_on_is_told_at_its_newer_number_and_what_hides_always(
    running: tuple[World, Node],
) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    found.bus.lose = True
    await acted(found, read(1), hid("m1"), read(2), hid("m2", OTHER))
    await node.look()
    await eventually(lambda: numbers(ann) == [2, 3, 4])
    assert [view.get("hidden") for view in views(ann)] == ["m1", None, "m2"]


async def test_a_push_that_comes_twice_is_told_once(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    found.bus.double = True
    await acted(found, read(1), read(2), read(3))
    await eventually(lambda: numbers(ann) == [1, 2, 3])
    await node.look()
    assert numbers(ann) == [1, 2, 3]
    assert found.health.counted["push_duplicate"] >= 3


class Slow:
    """A store whose lists of what a user did come when they may."""

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


async def test_what_is_pushed_while_the_lane_is_read_is_told_once_and_in_order(running: tuple[World, Node]) -> None:
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
        user = node.hub.users._users[KEY]
        node.hub.users.heal(KEY, 2)
        await documents.asked.wait()
        await acted(found, read(3))  # now the first is pushed as well, and it is the next
        await eventually(lambda: user.goal == 3)
        documents.may.set()
        await eventually(lambda: numbers(ann)[-1:] == [3])
        assert numbers(ann) == sorted(set(numbers(ann)))
    finally:
        await node.stop()


async def test_presence_says_where_a_user_has_sessions(running: tuple[World, Node]) -> None:
    found, node = running

    async def at() -> frozenset[str]:
        return (await found.presence.nodes([KEY]))[KEY]

    first, last = await Person(node, "ann").come(), await Person(node, "ann").come()
    assert await at() == {"one"}
    first.go()
    await node._standing.beat(node.hub.held)
    assert await at() == {"one"}
    found.presence._held.clear()
    found.presence._alive_until.clear()
    await node._standing.beat(node.hub.held)
    assert await at() == {"one"}
    last.go()

    async def gone() -> bool:
        return await at() == frozenset()

    await eventually(gone)
    assert list(node.hub.held()) == []


async def test_who_comes_while_another_session_of_theirs_still_comes_in_is_told_as_well(
    running: tuple[World, Node],
) -> None:
    found, node = running
    both = await asyncio.gather(Person(node, "ann").come(), Person(node, "ann").come())
    await acted(found, read(1))
    await eventually(lambda: all(numbers(one) == [1] for one in both))


async def test_a_session_that_gives_up_while_it_comes_in_leaves_nothing_behind(running: tuple[World, Node]) -> None:
    found, node = running
    documents = Distant(found.documents)
    node.hub.users._lanes._documents = documents
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


# While the store is away


@pytest.fixture
async def late(running: tuple[World, Node]) -> AsyncIterator[tuple[World, Node, Distant]]:
    """A node whose store is out of reach from before Ann comes."""
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


async def test_a_user_who_comes_while_the_store_is_away_is_told_when_it_is_back(
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


async def test_what_a_sync_does_not_tell_is_told_though_its_push_was_lost_before_any_look(
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


async def test_a_late_user_who_left_is_forgotten(late: tuple[World, Node, Distant]) -> None:
    _, node, _ = late
    ann = await Person(node, "ann").come()
    ann.go()
    assert list(node.hub.held()) == []


async def test_a_store_that_goes_away_while_the_lane_is_healed_is_waited_for(late: tuple[World, Node, Distant]) -> None:
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
