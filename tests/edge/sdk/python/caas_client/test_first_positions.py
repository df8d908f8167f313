"""A client begins at the present or at given positions and continues there, in any number of conversations."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edge.sdk.python.caas_client import Client
from edge.sdk.python.caas_client.line import Line
from edge.sdk.python.caas_client.sync_parts import MOST
from edge.sdk.python.caas_client.wire import Event
from tests.edge.fake_node import FakeNode, fake_node
from tests.eventually import eventually


@pytest.fixture
async def node() -> AsyncIterator[FakeNode]:
    async with fake_node() as node:
        yield node


async def events_of(client: Client, count: int) -> list[Any]:
    events = client.events()
    return [await anext(events) for _ in range(count)]


def said(room: str) -> dict[str, Any]:
    return {"conversation_id": room, "client_msg_id": "k", "text": "meanwhile"}


async def test_client_begins_at_the_present_unless_it_gives_positions(node: FakeNode) -> None:
    async with Client(node.urls, "ada", hears=False) as ada:
        room = (await ada.create(external_id="room")).conversation_id
        await ada.send(room, "before")
        async with Client(node.urls, "ada") as later, Client(node.urls, "ada", positions={}) as all_of_it:
            await ada.send(room, "after")
            assert [event.message.text for event in await events_of(later, 2) if hasattr(event, "message")] == ["after"]
            events = await events_of(all_of_it, 4)
        texts = [event.message.text for event in events if hasattr(event, "message")]
        assert texts == ["before", "after"]


async def test_saved_positions_continue_after_the_last_event_taken(node: FakeNode) -> None:
    async with Client(node.urls, "ada", hears=False) as ada:
        room = (await ada.create(external_id="room")).conversation_id
        async with Client(node.urls, "ada") as first:
            for number in range(1, 5):
                await ada.send(room, str(number))
            await eventually(lambda: node.conversations[room].rows["sent"][3:])
            taken = []
            async for event in first.events():
                if hasattr(event, "message"):
                    taken.append(event.message.text)
                    stood = first.positions()
                if len(taken) == 2:
                    break
        assert stood[room]["sent"] == 2
        async with Client(node.urls, "ada", positions=json.loads(json.dumps(stood))) as second:
            more = []
            async for event in second.events():
                if hasattr(event, "message"):
                    more.append((event.message.text, event.healed))
                if len(more) == 2:
                    break
    assert (taken, more) == (["1", "2"], [("3", True), ("4", True)])


async def test_user_in_many_conversations_misses_no_event_and_no_new_conversation(node: FakeNode) -> None:
    rooms = [node.create("bo", {"external_id": str(number)})["conversation_id"] for number in range(700)]
    heard: list[Event] = []
    async with Line(node.urls, "bo", listener=heard.append) as bo:
        closing = iter([4408])
        node.cuts = lambda user, frame: next(closing, None) if frame["type"] == "message:send" else None
        node.loses = lambda user, lane, n: True
        asked = bo.ask("message:send", said(rooms[0]))
        await eventually(lambda: not bo.connected)
        new = node.create("bo", {"external_id": "new"})["conversation_id"]
        for room in rooms[1:]:
            node.send("bo", said(room), node.conversations[room])
        await asked
        await eventually(lambda: len([event for event in heard if event.lane == "sent"]) == len(rooms), within=10)
        assert [event.data["conversation_id"] for event in heard if event.lane == "conversation"] == [new]
        assert len({event.data["conversation_id"] for event in heard if event.lane == "sent"}) == len(rooms)
    parts = [frame["data"] for _, frame in node.syncs[1:]]
    assert max(len(part["positions"]) for part in parts) == MOST
    assert [part.get("after") for part in parts] == [None, *(part["upto"] for part in parts[:-1])]
