import asyncio
import inspect
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, get_type_hints

import msgspec
import pytest

from edge.sdk.python.caas_client import Client, CommandError, Outgoing, Refused, Unknown
from edge.sdk.python.caas_client.language.commands import ANSWER_OF, COMMANDS
from edge.sdk.python.caas_client.language.commands.message import Attached, EditMessage
from edge.sdk.python.caas_client.language.wire import answers, views
from edge.sdk.python.caas_client.language.wire.frames import PUSH_OF_LANE, PUSH_OF_USER, USER
from schemas import commands as served
from schemas.export.asyncapi_socket import PUSHES
from schemas.wire.request import decode_command, decode_frame
from tests.edge.fake_node import FakeNode, fake_node
from tests.eventually import eventually

ROOM = "6f1d1f8a-0000-5000-8000-000000000001"
OTHER = "6f1d1f8a-0000-5000-8000-000000000002"
SAID = "fa5d30c8-58d6-5a56-a3c0-3d063e553272"
HERE = {"conversation_id": ROOM}
THIS = {**HERE, "message_id": SAID}

CALLS: dict[str, Callable[[Client], Outgoing[Any]]] = {
    "message:send": lambda client: client.send(
        ROOM,
        "hi",
        reply_to=SAID,
        attachments=[Attached(media_id=OTHER)],
        mentions=["bo"],
        metadata={"a": 1},
        wait_for="read",
    ),
    "message:forward": lambda client: client.forward(OTHER, from_conversation_id=ROOM, message_id=SAID),
    "message:edit": lambda client: client.edit(**THIS, text="ho"),
    "message:delete": lambda client: client.delete(**THIS),
    "message:hide": lambda client: client.hide(**THIS),
    "message:read": lambda client: client.read(**HERE, seq=3, private=True),
    "message:delivered": lambda client: client.delivered(**HERE, seq=3, device="phone"),
    "message:pin": lambda client: client.pin(**THIS),
    "message:unpin": lambda client: client.unpin(**THIS),
    "message:get": lambda client: client.get_message(**THIS),
    "message:history": lambda client: client.history(**HERE, after=3, limit=10),
    "message:thread": lambda client: client.thread(**THIS),
    "reaction:add": lambda client: client.react(**THIS, emoji="🍜"),
    "reaction:remove": lambda client: client.unreact(**THIS, emoji="🍜"),
    "conversation:create": lambda client: client.create(external_id="lunch", participants=["bo"]),
    "conversation:update": lambda client: client.update(**HERE, title=None),
    "conversation:add-participants": lambda client: client.add_participants(**HERE, participants=["cy"]),
    "conversation:remove-participants": lambda client: client.remove_participants(**HERE, participants=["cy"]),
    "conversation:set-role": lambda client: client.set_role(**HERE, participants=["cy"], role="admin"),
    "conversation:leave": lambda client: client.leave(**HERE),
    "conversation:mute": lambda client: client.mute(**HERE, until=MESSAGE.at),
    "conversation:unmute": lambda client: client.unmute(**HERE),
    "conversation:archive": lambda client: client.archive(**HERE),
    "conversation:unarchive": lambda client: client.unarchive(**HERE),
    "conversation:pin": lambda client: client.pin_conversation(**HERE),
    "conversation:unpin": lambda client: client.unpin_conversation(**HERE),
    "typing:start": lambda client: client.start_typing(**HERE),
    "typing:stop": lambda client: client.stop_typing(**HERE),
    "presence:set": lambda client: client.set_presence(status="busy"),
    "presence:get": lambda client: client.presence(users=["bo"]),
    "presence:subscribe": lambda client: client.subscribe_presence(users=["bo"]),
    "conversation:get": lambda client: client.get_conversation(**HERE),
    "conversation:list": lambda client: client.conversations(archived=False),
    "sync": lambda client: client.sync(positions={}),
    "search:messages": lambda client: client.search(text="hi"),
}
MESSAGE = views.MessageView(
    **THIS,
    seq=1,
    sender="bo",
    text="hi",
    at="2026-11-20T09:30:00.000Z",
    client_msg_id="k",
    reply_to=None,
    edited=False,
    deleted=False,
    unreadable=False,
)
CONVERSATION = views.ConversationView(
    **HERE, kind="group", external_id=None, title=None, created_by="bo", created_at=MESSAGE.at, n=1, seq=1
)
BUSY = views.PresenceView(user_id="bo", status="busy", last_seen=None)
ANSWERS: dict[Any, Any] = {
    answers.MessageAccepted: answers.MessageAccepted(message_id=SAID, level="accepted"),
    answers.MessageFound: answers.MessageFound(message=MESSAGE, versions=[], more=False),
    answers.Messages: answers.Messages(messages=[MESSAGE], more_before=False, more_after=True),
    answers.ThreadFound: answers.ThreadFound(root=MESSAGE, messages=[], more_after=False, read=0, unread=0),
    answers.ConversationAccepted: answers.ConversationAccepted(conversation_id=ROOM, level="accepted"),
    views.ConversationView: CONVERSATION,
    views.PresenceView: BUSY,
    answers.Presences: answers.Presences(presences=[BUSY]),
    answers.Conversations: answers.Conversations(conversations=[CONVERSATION], after=None),
    answers.Found: answers.Found(messages=[MESSAGE], after=None),
    answers.Synced: answers.Synced(complete=True, positions={}),
}
CHANGE = views.ChangeView(**HERE, change="created", actor="bo", at=MESSAGE.at, n=1)
PUSHED = {
    "message:new": MESSAGE,
    "message:edited": MESSAGE,
    "message:deleted": MESSAGE,
    "reaction:changed": views.ReactionsView(**THIS, seq=1, reactions=[]),
    "conversation:updated": CHANGE,
    "inbox:changed": views.InboxView(**HERE, read=3, muted=True, muted_until=None, archived=False, hidden=SAID),
    "receipt": views.ReceiptView(**THIS, seq=1, stage="persisted", lane="sent", applied=True),
    "cursors:moved": views.CursorsView(**HERE, cursors=[views.CursorView(user_id="bo", read_seq=1, delivered_seq=2)]),
    "presence": BUSY,
    "typing": views.TypingView(**HERE, user_id="bo", typing=True, ttl_ms=6_000),
    "slow_down": views.SlowDownView(unpersisted=412, own=37),
}


@pytest.fixture
async def node() -> AsyncIterator[FakeNode]:
    async with fake_node() as node:
        yield node


@pytest.mark.parametrize("name", COMMANDS)
async def test_every_command_has_a_method_with_a_valid_frame_and_a_typed_answer(node: FakeNode, name: str) -> None:
    kind = ANSWER_OF[COMMANDS[name]]
    node.answers = {name: msgspec.to_builtins(ANSWERS[kind])}
    async with Client(node.urls, "ada") as ada:
        answer = await CALLS[name](ada)
    assert answer == ANSWERS[kind]
    _, frame = (node.syncs if name == "sync" else node.frames)[-1]
    assert frame["type"] == name
    assert isinstance(decode_command(decode_frame(json.dumps(frame))), served.COMMANDS[name])


def test_every_method_has_a_command() -> None:
    assert CALLS.keys() == COMMANDS.keys()


async def test_omitted_fields_are_not_sent_and_removed_ones_are(node: FakeNode) -> None:
    node.answers = {"conversation:update": {**HERE, "level": "accepted"}}
    async with Client(node.urls, "ada") as ada:
        await ada.update(**HERE, title=None)
    assert node.frames[0][1]["data"] == {**HERE, "title": None}


async def events_of(client: Client, count: int) -> list[Any]:
    events = client.events()
    return [await anext(events) for _ in range(count)]


def pushed(kind: str, view: Any, lane: str | None, n: int | None = 1) -> str:
    place = {} if lane is None else {"lane": lane, "n": n}
    return json.dumps({"type": kind, "data": msgspec.to_builtins(view), "correlation_id": OTHER, **place})


@pytest.mark.parametrize("kind", sorted(PUSHES.keys() - {"hello"}))
async def test_every_push_is_a_typed_event(node: FakeNode, kind: str) -> None:
    lanes = {**PUSH_OF_LANE, USER: PUSH_OF_USER}
    lane = next((lane for lane in lanes if lanes[lane] == kind), None)
    async with Client(node.urls, "ada") as ada:
        node.push("ada", pushed(kind, PUSHED[kind], lane))
        (event,) = await events_of(ada, 1)
    assert not isinstance(event, Unknown)
    assert getattr(event, "conversation_id", ROOM) == ROOM
    assert getattr(event, "correlation_id", OTHER) == OTHER
    assert PUSHED[kind] in [getattr(event, name) for name in event.__struct_fields__]
    if lane is not None:
        assert (event.lane, event.n, event.healed) == (lane, 1, False)


async def test_unknown_push_is_passed_on_unchanged(node: FakeNode) -> None:
    async with Client(node.urls, "ada") as ada:
        node.push("ada", json.dumps({"type": "weather", "data": "rain"}))
        node.push("ada", pushed("message:new", HERE, "sent"))
        weather, message = await events_of(ada, 2)
    assert (weather.type, weather.data) == ("weather", "rain")
    assert isinstance(message, Unknown)
    assert (message.type, message.lane, message.n) == ("message:new", "sent", 1)


async def test_repeat_with_another_body_fails_with_its_problem(node: FakeNode) -> None:
    async with Client(node.urls, "ada") as ada:
        problem = {"code": "idempotency_conflict", "title": "t", "detail": "d", "retry": False}
        node.push("ada", json.dumps({"id": None, "type": "error", "error": problem, "data": THIS}))
        (event,) = await events_of(ada, 1)
    assert (event.problem.code, event.conversation_id, event.message_id) == ("idempotency_conflict", ROOM, SAID)


async def test_message_has_its_key_before_its_answer(node: FakeNode) -> None:
    async with Client(node.urls, "ada") as ada:
        room = (await ada.create(external_id="room")).conversation_id
        node.holds_answers = asyncio.Event()
        first, second = ada.send(room, "one"), ada.send(room, "two", client_msg_id="mine")
        assert not first.done
        assert second.key == "mine"
        node.holds_answers.set()
        said = await first
        await second
    messages = list(node.conversations[room].messages.values())
    assert [(message.client_msg_id, message.text) for message in messages] == [(first.key, "one"), ("mine", "two")]
    assert said.message_id == messages[0].message_id


async def test_commands_without_a_line_wait_in_order_for_the_first(node: FakeNode) -> None:
    ada = Client(node.urls, "ada")
    made = ada.create(external_id="room")
    ada.start()
    room = (await made).conversation_id
    await node.cut("ada")
    await eventually(lambda: not ada.connected)
    asked = [ada.send(room, f"text {number}") for number in range(5)]
    assert ada.unanswered == 5
    await asyncio.gather(*asked)
    await ada.close()
    sends = [frame for _, frame in node.frames if frame["type"] == "message:send"]
    assert [frame["data"]["text"] for frame in sends] == [f"text {number}" for number in range(5)]
    assert not any("retry" in frame for frame in sends)


async def test_call_beyond_the_bound_fails_at_once_and_keeps_what_waits(node: FakeNode) -> None:
    ada = Client(node.urls, "ada", waiting=2)
    kept = [ada.create(external_id=str(number)) for number in range(2)]
    with pytest.raises(CommandError) as full:
        ada.create(external_id="too much")
    assert (full.value.code, full.value.retry, full.value.problem.detail[0]) == ("unavailable", True, "2")
    async with ada:
        await asyncio.gather(*kept)
        await ada.create(external_id="again")
    assert [frame["data"]["external_id"] for _, frame in node.frames] == ["0", "1", "again"]


async def test_retry_time_begins_with_the_first_error(node: FakeNode) -> None:
    ada = Client(node.urls, "ada", patience=0.5)
    made = ada.create(external_id="room")
    failing = iter(["unavailable"])
    node.fails = lambda user, frame: next(failing, None) if frame["type"] == "conversation:create" else None
    asked = time.monotonic()
    await eventually(lambda: time.monotonic() - asked > 0.5)
    async with asyncio.timeout(5), ada:
        assert (await made).level == "accepted"


async def test_cancelled_call_removes_a_command_that_is_not_sent(node: FakeNode) -> None:
    ada = Client(node.urls, "ada")
    given_up = ada.create(external_id="never")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(given_up, 0.01)
    async with ada:
        await ada.create(external_id="room")
    assert [frame["data"]["external_id"] for _, frame in node.frames] == ["room"]


async def test_client_ends_with_a_token_that_cannot_be_renewed(node: FakeNode) -> None:
    async with Client(node.urls, "ada") as ada:
        await node.cut("ada", 4401)
        with pytest.raises(Refused) as refused:
            async for _ in ada.events():
                pass
        with pytest.raises(Refused):
            ada.create(external_id="room")
    assert (refused.value.close_code, refused.value.code, refused.value.retry) == (4401, "token_expired", False)


def test_every_method_names_its_command() -> None:
    methods = [value for name, value in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")]
    assert all(method.__doc__ for method in methods)
    assert EditMessage.__doc__ == Client.edit.__doc__
    assert get_type_hints(Client.send)["return"] == Outgoing[answers.MessageAccepted]
