"""A node that comes to a conversation while its store is away: what it could not know is told later, whole, once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.socket.node import Node
from tests.edge.socket.distant import Distant
from tests.edge.socket.world import Person, World, room, send, sent_head, world
from tests.eventually import eventually


class Late:
    """Ann and Ben are in a conversation of one message; both came again while the store was out of reach."""

    def __init__(self, found: World, node: Node, documents: Distant) -> None:
        self.world = found
        self.node = node
        self.documents = documents
        self.ann, self.ben = Person(node, "ann"), Person(node, "ben")
        self.here = ""

    async def begin(self) -> None:
        first = await Person(self.node, "ann").come()
        self.here = await room(first, "ben")
        await send(first, self.here, "1")
        await eventually(lambda: first.texts() == ["1"])
        first.go()
        self.documents.cut = True
        await self.ann.come()
        await self.ben.come()

    async def say_unheard(self, text: str, n: int) -> None:
        """A message whose push is lost."""
        self.world.bus.lose = True
        await send(self.ann, self.here, text)
        await eventually(lambda: sent_head(self.world, self.here) == n)
        self.world.bus.lose = False


@pytest.fixture
async def late(tmp_path: Path) -> AsyncIterator[Late]:
    async with world(tmp_path) as (found, _):
        documents = Distant(found.documents)
        node = found.node("two", documents=documents)
        await node.start()
        try:
            made = Late(found, node, documents)
            await made.begin()
            yield made
        finally:
            await node.stop()


async def test_what_is_pushed_meanwhile_waits_and_is_told_when_the_store_is_back(late: Late) -> None:
    await send(late.ann, late.here, "2", "3")
    channel = late.node.hub.channel(late.here)
    await eventually(lambda: channel is not None and channel.jobs is not None and len(channel.jobs) == 2)
    assert late.ben.texts() == []
    late.documents.cut = False
    await eventually(lambda: late.ben.texts() == late.ann.texts() == ["2", "3"])


async def test_what_was_pushed_first_is_told_with_all_that_was_lost_behind_it(late: Late) -> None:
    await send(late.ann, late.here, "2")
    channel = late.node.hub.channel(late.here)
    await eventually(lambda: channel is not None and bool(channel.jobs))
    await late.say_unheard("3", 3)
    late.documents.cut = False
    await eventually(lambda: late.ben.texts() == ["2", "3"])


async def test_whoever_is_let_in_meanwhile_is_told_each_row_once(late: Late) -> None:
    eve = await Person(late.node, "eve").come()
    late.documents.cut_for_own, late.documents.cut = True, False
    await late.ann.ask("conversation:add-participants", conversation_id=late.here, participants=["eve"])
    await send(late.ann, late.here, "2")
    late.documents.cut_for_own = False
    await eventually(lambda: late.ben.texts() == eve.texts() == ["2"])
    await send(late.ann, late.here, "3")
    await eventually(lambda: late.ben.texts() == eve.texts() == ["2", "3"])
    assert (eve.lane("sent", late.here), eve.lane("conversation", late.here)) == ([2, 3], [2])


async def test_what_a_sync_does_not_tell_is_told_though_its_push_was_lost_before_any_look(late: Late) -> None:
    late.documents.cut_for_own, late.documents.cut = True, False
    answer = await late.ben.ask("sync", positions={late.here: {"sent": 1, "conversation": 1}})
    assert answer["data"]["positions"][late.here]["sent"] == 1
    await late.say_unheard("2", 2)
    late.documents.cut_for_own = False
    await eventually(lambda: late.ben.texts() == ["2"])


async def test_a_sync_is_unavailable_while_the_store_is(late: Late) -> None:
    answer = await late.ben.ask("sync", positions={})
    assert answer["error"]["code"] == "unavailable"


async def test_a_late_channel_that_everybody_left_is_forgotten(late: Late) -> None:
    late.ann.go()
    late.ben.go()
    assert list(late.node.hub.conversations) == []


async def test_who_is_let_in_again_before_all_of_their_stay_was_told_misses_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as (found, _):
        documents = Distant(found.documents)
        node = found.node("two", documents=documents)
        await node.start()
        try:
            ann, ben = await Person(node, "ann").come(), await Person(node, "ben").come()
            here = await room(ann, "ben")
            await send(ann, here, "1")
            await eventually(lambda: ben.texts() == ["1"])
            documents.cut_for_own, found.bus.lose = True, True
            await send(ann, here, "2")
            await eventually(lambda: sent_head(found, here) == 2)
            found.bus.lose = False
            await send(ann, here, "3")
            await eventually(lambda: sent_head(found, here) == 3)
            for kind in ("remove", "add"):
                await ann.ask(f"conversation:{kind}-participants", conversation_id=here, participants=["ben"])
            assert await found.memberships.wait_for(here, 3)
            documents.cut_for_own = False
            await send(ann, here, "4")
            await eventually(lambda: ben.texts() == ["1", "2", "3", "4"])
            assert ben.lane("conversation", here) == [1, 2, 3]
        finally:
            await node.stop()
