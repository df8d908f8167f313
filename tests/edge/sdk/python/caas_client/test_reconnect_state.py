import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edge.sdk.python.caas_client import Client, CommandError, CursorsMoved, InboxChanged, MessageNew, Presence
from edge.sdk.python.caas_client.language.wire.views import CursorView
from tests.edge.fake_node import FakeNode, fake_node
from tests.eventually import eventually

ROOMS = ["6f1d1f8a-0000-5000-8000-000000000001", "6f1d1f8a-0000-5000-8000-000000000002"]
BUSY = {"user_id": "bo", "status": "busy", "last_seen": None}


@pytest.fixture
async def node() -> AsyncIterator[FakeNode]:
    async with fake_node() as node:
        node.answers = {
            "presence:set": {**BUSY, "user_id": "ada"},
            "presence:subscribe": {"presences": [BUSY]},
            "message:delivered": {"conversation_id": "x", "level": "accepted"},
        }
        yield node


def asked(node: FakeNode, *kinds: str) -> list[Any]:
    return [frame["data"] for _, frame in node.frames if frame["type"] in kinds]


async def test_presence_is_sent_and_subscribed_again_on_a_new_line_and_changes_are_reported(node: FakeNode) -> None:
    async with Client(node.urls, "ada") as ada:
        await ada.subscribe_presence(users=["bo"])
        await ada.set_presence(status="away")
        await ada.set_presence(status="busy")
        before = len(node.frames)
        await node.cut("ada")
        await eventually(lambda: len(node.frames) == before + 2)
        again = {frame["type"]: frame["data"] for _, frame in node.frames[before:]}
        assert again == {"presence:set": {"status": "busy"}, "presence:subscribe": {"users": ["bo"]}}
        event = await anext(ada.events())
        assert isinstance(event, Presence)
        assert event.presence.status == "busy"


async def test_cursors_of_the_last_conversation_are_subscribed_again_on_a_new_line(node: FakeNode) -> None:
    bo = {"user_id": "bo", "role": "member", "present": True, "intervals": [], "read_seq": 2, "delivered_seq": 3}
    out = {**bo, "user_id": "cy", "present": False, "read_seq": None, "delivered_seq": None}
    fixed = {
        "kind": "group",
        "external_id": None,
        "title": None,
        "created_by": "bo",
        "created_at": "",
        "n": 1,
        "seq": 3,
    }
    node.answers["conversation:get"] = {"conversation_id": ROOMS[1], **fixed, "participants": [bo, out]}
    async with Client(node.urls, "ada") as ada:
        for room in ROOMS:
            await ada.get_conversation(conversation_id=room)
        await node.cut("ada")
        event = await anext(ada.events())
    assert isinstance(event, CursorsMoved)
    assert (event.conversation_id, event.moved.cursors) == (
        ROOMS[1],
        [CursorView(user_id="bo", read_seq=2, delivered_seq=3)],
    )
    again = [data["conversation_id"] for data in asked(node, "conversation:get")]
    assert again == [*ROOMS, ROOMS[1]]


async def test_subscription_is_repeated_when_not_ready_and_not_when_refused(node: FakeNode) -> None:
    async with Client(node.urls, "ada", hears=False) as ada:
        await ada.set_presence(status="away")
        node.fails = lambda _, frame: "validation_failed" if frame["data"].get("users") else None
        with pytest.raises(CommandError):
            await ada.subscribe_presence(users=["bo"])
        failing = iter(["not_ready", "rate_limited"])
        node.fails = lambda _, frame: next(failing, None) if frame["type"] == "presence:set" else None
        await node.cut("ada")
        await eventually(lambda: len(asked(node, "presence:set")) == 4)
        await node.cut("ada")
        await eventually(lambda: len(asked(node, "presence:set")) == 5)
        assert len(asked(node, "presence:subscribe")) == 1


async def test_events_of_the_user_lane_arrive_and_its_position_is_kept(node: FakeNode) -> None:
    view = {"conversation_id": "x", "read": 3, "muted": False, "muted_until": None, "archived": False}
    node.keep("ada", {**view, "read": 1})
    async with Client(node.urls, "ada") as first:
        node.loses = lambda user, lane, n: lane == "user" and n == 2
        node.keep("ada", {**view, "read": 2})
        node.keep("ada", view)
        events = first.events()
        received = [await anext(events), await anext(events)]
        assert [(event.n, event.healed) for event in received if isinstance(event, InboxChanged)] == [
            (2, True),
            (3, False),
        ]
        stood = first.positions()
    assert stood == {"user": {"user": 3}}
    node.keep("ada", {**view, "archived": True})
    async with Client(node.urls, "ada", positions=stood) as second:
        event = await anext(second.events())
        assert isinstance(event, InboxChanged)
        assert (event.n, event.healed, event.inbox.archived) == (4, True, True)


async def test_user_lane_events_not_yet_taken_are_not_in_the_positions(node: FakeNode) -> None:
    view = {"conversation_id": "x", "read": 3, "muted": False, "muted_until": None, "archived": False}
    async with Client(node.urls, "ada") as ada:
        for _ in range(3):
            node.keep("ada", view)
        await eventually(lambda: len(ada.line._inbox._events) == 3)
        await anext(ada.events())
        assert ada.positions() == {"user": {"user": 1}}


async def test_client_with_a_device_acknowledges_the_newest_delivery_from_others(node: FakeNode) -> None:
    async with Client(node.urls, "ada") as ada, Client(node.urls, "bo", device="phone") as bo:
        room = (await ada.create(external_id="room")).conversation_id
        await ada.add_participants(conversation_id=room, participants=["bo"])
        await bo.send(room, "mine")
        began = time.monotonic()
        for number in range(5):
            await ada.send(room, str(number))
        await eventually(lambda: [one["seq"] for one in asked(node, "message:delivered")][-1:] == [6], within=10)
        assert {(one["conversation_id"], one["device"]) for one in asked(node, "message:delivered")} == {
            (room, "phone")
        }
        said = [one["seq"] for one in asked(node, "message:delivered")]
        assert (said, said[0]) == (sorted(set(said)), 2)
        assert len(said) <= 2 + time.monotonic() - began
        assert {user for user, frame in node.frames if frame["type"] == "message:delivered"} == {"bo"}


async def test_client_without_a_device_acknowledges_no_delivery(node: FakeNode) -> None:
    async with Client(node.urls, "ada") as ada, Client(node.urls, "bo") as bo:
        room = (await ada.create(external_id="room", participants=["bo"])).conversation_id
        await ada.add_participants(conversation_id=room, participants=["bo"])
        await ada.send(room, "hi")
        async for event in bo.events():
            if isinstance(event, MessageNew):
                break
    assert asked(node, "message:delivered") == []


async def test_rate_limited_commands_are_repeated_in_order_after_the_pause(
    node: FakeNode,
) -> None:
    async with Client(node.urls, "ada", hears=False) as ada:
        room = (await ada.create(external_id="room")).conversation_id
        failing = {"1": 2, "3": 1}

        def fails(_: str, frame: dict[str, Any]) -> str | None:
            key = frame["data"].get("text")
            failing[key] = failing.get(key, 0) - 1
            return "rate_limited" if failing[key] >= 0 else None

        node.fails = fails
        await asyncio.gather(*(ada.send(room, str(number)) for number in range(6)))
    texts = [message.text for message in node.conversations[room].messages.values()]
    assert texts == [str(number) for number in range(6)]


async def test_command_that_is_not_ready_is_not_overtaken(node: FakeNode) -> None:
    async with Client(node.urls, "ada", hears=False) as ada:
        room = (await ada.create(external_id="room")).conversation_id
        failing = iter(["not_ready"])
        node.fails = lambda _, frame: next(failing, None) if frame["data"].get("text") == "0" else None
        await asyncio.gather(*(ada.send(room, str(number)) for number in range(20)))
    texts = [message.text for message in node.conversations[room].messages.values()]
    assert texts == [str(number) for number in range(20)]
