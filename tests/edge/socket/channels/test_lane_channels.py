"""A lane channel opens, is late, live, recovers and closes; nothing is lost in any state, and nothing stays behind."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.socket.channels.channel_state import LIVE, Closed, Late, Opening, Recover
from edge.socket.channels.conversation_channel import ConversationChannel
from edge.socket.node import Node
from projections.inbox import inbox_rows
from schemas.wire.frames import Push
from tests.edge.socket.distant import Distant
from tests.edge.socket.world import TENANT, Person, World, room, send, sent_head, world
from tests.eventually import eventually


@pytest.fixture
async def distant(tmp_path: Path) -> AsyncIterator[tuple[World, Node, Distant]]:
    """A node whose store can be cut."""
    async with world(tmp_path) as (found, _):
        documents = Distant(found.documents)
        node = found.node("two", documents=documents)
        await node.start()
        try:
            yield found, node, documents
        finally:
            await node.stop()


def state_of(node: Node, name: str) -> str:
    channel = node.hub.conversations.get(name) or node.hub.users.get(name)
    return "none" if channel is None else type(channel.state).__name__


async def test_channel_goes_through_its_states(
    distant: tuple[World, Node, Distant], caplog: pytest.LogCaptureFixture
) -> None:
    found, node, documents = distant
    ann = await Person(node, "ann").come()
    here = await room(ann)
    await eventually(lambda: state_of(node, here) == "Live")
    channel = node.hub.conversations.get(here)
    ann.go()
    assert isinstance(channel, ConversationChannel)
    assert isinstance(channel.state, Closed)
    documents.cut = True
    caplog.set_level(logging.DEBUG, "caas.hub")
    again = await Person(node, "ann").come()
    own = inbox_rows.channel_of(TENANT, "ann")
    assert (state_of(node, here), state_of(node, own)) == ("Late", "Late")
    await send(again, here, "1")
    await eventually(lambda: sent_head(found, here) == 1)
    documents.cut = False
    await eventually(lambda: again.texts() == ["1"])
    await eventually(lambda: (state_of(node, here), state_of(node, own)) == ("Live", "Live"))
    again.go()
    states = [record.getMessage() for record in caplog.records if record.getMessage().startswith(f"{here} is ")]
    assert states == [f"{here} is {state}" for state in ("late", "recovering", "live", "closed")]


async def test_recovery_waits_for_a_channel_that_is_opening(distant: tuple[World, Node, Distant]) -> None:
    _, node, documents = distant
    ann = await Person(node, "ann").come()
    here = await room(ann)
    await send(ann, here, "1")
    await eventually(lambda: ann.texts() == ["1"])
    ann.go()
    release, read = asyncio.Event(), documents.get

    async def wait(place: object, ids: object) -> object:
        await release.wait()
        return await read(place, ids)

    documents.get = wait  # type: ignore[method-assign, assignment]
    coming = asyncio.create_task(Person(node, "ann").come())
    await eventually(lambda: state_of(node, here) == "Opening")
    node.hub.conversations.recover({here: {"sent": 1}}, node.current._lanes.life)
    assert state_of(node, here) == "Opening"
    release.set()
    again = await coming
    await eventually(lambda: state_of(node, here) == "Live")
    await send(again, here, "2")
    await eventually(lambda: again.texts() == ["2"])


async def test_push_before_a_login_joins_leaves_the_channel_open(distant: tuple[World, Node, Distant]) -> None:
    _, node, documents = distant
    ann = await Person(node, "ann").come()
    here = await room(ann)
    ann.go()
    stuck, release, read = asyncio.Event(), asyncio.Event(), documents.get

    async def hold_own(place: object, ids: object) -> object:
        if getattr(place, "table", None) is inbox_rows.HEADS:
            stuck.set()
            await release.wait()
        return await read(place, ids)

    documents.get = hold_own  # type: ignore[method-assign, assignment]
    coming = asyncio.create_task(Person(node, "ann").come())
    await stuck.wait()
    opened = node.hub.conversations._channels[here]
    push = Push(
        model="messages", generation=0, conversation_id=here, frame=b"{}", lane="sent", n=1, conversation_n=1, seq=1
    )
    node.hub.deliver(push)
    assert opened.last["sent"] == 1
    node.hub.conversations.begin(opened, Recover())
    await eventually(lambda: opened.state is LIVE)
    assert node.hub.conversations.get(here) is opened
    release.set()
    await coming
    assert node.hub.conversations.get(here) is opened


async def test_joining_session_that_ends_while_its_channel_opens_leaves_none(tmp_path: Path) -> None:
    async with world(tmp_path) as (found, first):
        documents = Distant(found.documents)
        node = found.node("two", documents=documents)
        await node.start()
        try:
            ann, eve = await Person(first, "ann").come(), await Person(node, "eve").come()
            here = await room(ann)
            release, read = asyncio.Event(), documents.get

            async def wait(place: object, ids: object) -> object:
                await release.wait()
                return await read(place, ids)

            documents.get = wait  # type: ignore[method-assign, assignment]
            await ann.ask("conversation:add-participants", conversation_id=here, participants=["eve"])
            await eventually(lambda: state_of(node, here) == "Opening")
            eve.go()
            release.set()
            await eventually(lambda: list(node.hub.held()) == [])
        finally:
            await node.stop()


async def test_login_that_ends_while_it_opens_leaves_no_channel(distant: tuple[World, Node, Distant]) -> None:
    _, node, documents = distant
    ann = await Person(node, "ann").come()
    here = await room(ann)
    ann.go()
    stuck, own = asyncio.Event(), inbox_rows.channel_of(TENANT, "ann")
    heads = documents.get

    async def wait_for_own(place: object, ids: object) -> object:
        if getattr(place, "table", None) is inbox_rows.HEADS:
            stuck.set()
            await asyncio.Event().wait()
        return await heads(place, ids)

    documents.get = wait_for_own  # type: ignore[method-assign, assignment]
    coming = asyncio.create_task(Person(node, "ann").come())
    await stuck.wait()
    assert isinstance(node.hub.users._channels[own].state, Opening)
    assert node.hub.conversations._channels[here].state is LIVE
    coming.cancel()
    await asyncio.wait([coming])
    assert list(node.hub.held()) == []


async def test_login_beside_one_that_ends_is_live(distant: tuple[World, Node, Distant]) -> None:
    _, node, documents = distant
    ann = await Person(node, "ann").come()
    here = await room(ann)
    ann.go()
    release, read = asyncio.Event(), documents.get

    async def wait(place: object, ids: object) -> object:
        await release.wait()
        return await read(place, ids)

    documents.get = wait  # type: ignore[method-assign, assignment]
    ends = asyncio.create_task(Person(node, "ann").come())
    await eventually(lambda: state_of(node, here) == "Opening")
    stays = asyncio.create_task(Person(node, "ann").come())
    await asyncio.sleep(0)
    ends.cancel()
    await asyncio.wait([ends])
    release.set()
    staying = await stays
    await send(staying, here, "1")
    await eventually(lambda: staying.texts() == ["1"])
    assert not isinstance(node.hub.conversations._channels[here].state, Late)
