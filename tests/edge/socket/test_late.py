"""A node that opens a conversation while its store is down delivers everything later, completely and once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.socket.channels.channel_state import Late as LateState
from edge.socket.node import Node
from tests.edge.socket.distant import Distant
from tests.edge.socket.world import Person, World, room, send, sent_head, world
from tests.eventually import eventually


class Late:
    """Ann and Ben are in a conversation of one message; both reconnected while the store was unreachable."""

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
        """Send a message whose push is lost."""
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


def waiting(late: Late) -> int:
    """Return how many jobs wait in the late channel of the conversation."""
    channel = late.node.hub.conversations.get(late.here)
    assert channel is not None
    assert isinstance(channel.state, LateState)
    return len(channel.state.queue.jobs)


async def test_push_during_store_outage_is_delivered_after_it(late: Late) -> None:
    await send(late.ann, late.here, "2", "3")
    await eventually(lambda: waiting(late) == 2)
    assert late.ben.texts() == []
    late.documents.cut = False
    await eventually(lambda: late.ben.texts() == late.ann.texts() == ["2", "3"])


async def test_first_push_is_delivered_with_all_lost_ones_behind_it(late: Late) -> None:
    await send(late.ann, late.here, "2")
    await eventually(lambda: waiting(late) > 0)
    await late.say_unheard("3", 3)
    late.documents.cut = False
    await eventually(lambda: late.ben.texts() == ["2", "3"])


async def test_member_added_during_store_outage_receives_each_row_once(late: Late) -> None:
    eve = await Person(late.node, "eve").come()
    late.documents.cut_for_own, late.documents.cut = True, False
    await late.ann.ask("conversation:add-participants", conversation_id=late.here, participants=["eve"])
    await send(late.ann, late.here, "2")
    late.documents.cut_for_own = False
    await eventually(lambda: late.ben.texts() == eve.texts() == ["2"])
    await send(late.ann, late.here, "3")
    await eventually(lambda: late.ben.texts() == eve.texts() == ["2", "3"])
    assert (eve.lane("sent", late.here), eve.lane("conversation", late.here)) == ([2, 3], [2])


async def test_row_missing_in_sync_is_delivered_though_its_push_was_lost_before_any_poll(late: Late) -> None:
    late.documents.cut_for_own, late.documents.cut = True, False
    answer = await late.ben.ask("sync", positions={late.here: {"sent": 1, "conversation": 1}})
    assert answer["data"]["positions"][late.here]["sent"] == 1
    await late.say_unheard("2", 2)
    late.documents.cut_for_own = False
    await eventually(lambda: late.ben.texts() == ["2"])


async def test_sync_is_unavailable_while_the_store_is(late: Late) -> None:
    answer = await late.ben.ask("sync", positions={})
    assert answer["error"]["code"] == "unavailable"


async def test_channel_with_unknown_heads_is_removed_when_empty(late: Late) -> None:
    late.ann.go()
    late.ben.go()
    assert list(late.node.hub.conversations.names) == []


async def test_member_added_again_during_delivery_misses_no_row(tmp_path: Path) -> None:
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
