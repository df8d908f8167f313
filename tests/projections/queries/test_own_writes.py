"""Every answer to a session has what was acknowledged to it before, however far the read models lag behind."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from edge.socket.node import Node
from projections import progress
from projections.queries.own_writes import MAX_KEYS, VIEW, OwnWrites
from schemas import topics
from schemas.commands.conversation import UpdateConversation
from schemas.commands.inbox import ArchiveConversation
from schemas.commands.message import SendMessage
from schemas.envelope import Record
from schemas.topics import partition_of
from tests.edge.socket.delayed import Delayed, HeldTail, without
from tests.edge.socket.world import Person, room, send
from tests.eventually import eventually

ARCHIVE = ArchiveConversation(conversation_id="room")
SEND = SendMessage(conversation_id="room", client_msg_id="1", text="1")


async def started(node: Node, user: str = "ann") -> Person:
    await node.start()
    return await Person(node, user).come()


async def waits_for(found: Delayed, name: str, asking: asyncio.Task[dict[str, Any]]) -> dict[str, Any]:
    """Return the data of an answer that waits until this processor has read the log."""
    for _ in range(50):
        await asyncio.sleep(0)
    assert not asking.done()
    found.read(name)
    data: dict[str, Any] = (await asking)["data"]
    return data


async def test_list_has_an_archived_conversation(tmp_path: Path) -> None:
    async with without(tmp_path, "inbox") as found:
        ann = await started(found.node())
        here = await room(ann, "ben")
        await ann.ask("conversation:archive", conversation_id=here)
        listed = await waits_for(found, "inbox", asyncio.create_task(ann.ask("conversation:list", archived=True)))
        assert [one["conversation_id"] for one in listed["conversations"]] == [here]
        await ann.node.stop()


@pytest.mark.parametrize("query", ["conversation:get", "conversation:list", "message:history", "search:messages"])
async def test_every_query_reflects_hidden_messages(tmp_path: Path, query: str) -> None:
    async with without(tmp_path, "inbox") as found:
        ann = await started(found.node())
        here = await room(ann, "ben")
        await send(ann, here, "words")
        said = (await eventually(lambda: ann.of("message:new") or False))[0]["data"]
        await ann.ask("message:hide", conversation_id=here, message_id=said["message_id"])
        about = {} if query == "conversation:list" else {"conversation_id": here}
        about |= {"text": "words"} if query == "search:messages" else {}
        data = await waits_for(found, "inbox", asyncio.create_task(ann.ask(query, **about)))
        (shown,) = data.get("conversations") or [data]
        assert not shown.get("last_message") and not shown.get("messages")
        await ann.node.stop()


async def test_history_has_a_message_and_its_edit(tmp_path: Path) -> None:
    async with without(tmp_path, "messages") as found:
        ann = await started(found.node())
        here = await room(ann, "ben")
        answer = await ann.ask("message:send", conversation_id=here, client_msg_id="1", text="1")
        history = asyncio.create_task(ann.ask("message:history", conversation_id=here))
        assert [one["text"] for one in (await waits_for(found, "messages", history))["messages"]] == ["1"]
        await ann.ask("message:edit", conversation_id=here, message_id=answer["data"]["message_id"], text="2")
        data = (await ann.ask("message:history", conversation_id=here))["data"]
        assert [one["text"] for one in data["messages"]] == ["2"]
        await ann.node.stop()


async def test_conversation_shows_a_change(tmp_path: Path) -> None:
    async with without(tmp_path) as found:
        tail = HeldTail(found.log, found.documents)
        found.run(tail.run())
        await eventually(lambda: tail.fresh)
        ann = await started(found.node(memberships=tail))
        here = await room(ann, "ben")
        tail.held = []
        assert (await ann.ask("conversation:update", conversation_id=here, title="Plans"))["type"] == "ack"
        asking = asyncio.create_task(ann.ask("conversation:get", conversation_id=here))
        await eventually(lambda: tail.held or False)
        assert not asking.done()
        tail.let_go()
        assert (await asking)["data"]["title"] == "Plans"
        await ann.node.stop()


async def test_list_of_left_conversations_has_the_number_of_the_removal(tmp_path: Path) -> None:
    async with without(tmp_path, "conversations") as found:
        ann = await started(found.node())
        said = await ann.ask("conversation:create", external_id="room")
        here = said["data"]["conversation_id"]
        assert (await ann.ask("conversation:leave", conversation_id=here))["type"] == "ack"
        asking = asyncio.create_task(ann.ask("conversation:list", present=False))
        (left,) = (await waits_for(found, "conversations", asking))["conversations"]
        assert (left["conversation_id"], left["n"]) == (here, 2)
        await ann.node.stop()


async def test_answer_without_a_write_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "CATCH_UP_TIMEOUT_S", 0.05)
    async with without(tmp_path, "inbox") as found:
        node = found.node()
        ann = await started(node)
        other = await Person(node, "ann").come()
        here = await room(ann, "ben")
        await ann.ask("conversation:mute", conversation_id=here)
        answer = await ann.ask("conversation:list")
        assert (answer["error"]["code"], answer["error"]["retry"]) == ("not_ready", True)
        assert (await other.ask("conversation:list"))["type"] == "ack"  # writes of other sessions are not guaranteed
        found.read("inbox")
        assert (await ann.ask("conversation:list"))["data"]["conversations"][0]["inbox"]["muted"]
        await node.stop()


async def test_second_query_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with without(tmp_path) as found:
        ann = await started(found.node())
        here = await room(ann, "ben")
        await ann.ask("conversation:archive", conversation_id=here)
        await ann.ask("conversation:list")

        async def asked(*_: object) -> None:
            raise AssertionError("the checkpoints are asked for")

        monkeypatch.setattr(found.documents, "checkpoints", asked)
        assert (await ann.ask("conversation:list"))["type"] == "ack"
        monkeypatch.undo()
        await ann.node.stop()


def record(key: str, topic: str = topics.USER_ACTION) -> Record:
    return Record(topic, key.encode(), b"", ())


def test_newer_write_is_still_waited_for() -> None:
    writes = OwnWrites()
    writes.add(ARCHIVE, record("ann"), 7)
    seen = dict(writes.of("inbox"))
    writes.add(ARCHIVE, record("ann"), 9)
    writes.passed("inbox", seen)
    assert list(writes.of("inbox").values()) == [9]
    writes.passed("inbox", dict(writes.of("inbox")))
    assert writes.of("inbox") == {}


def test_repeat_of_an_older_write_keeps_the_newer_position() -> None:
    writes = OwnWrites()
    for position in (9, 7):
        writes.add(ARCHIVE, record("ann"), position)
    assert list(writes.of("inbox").values()) == [9]


def test_write_is_waited_for_by_its_readers() -> None:
    writes = OwnWrites()
    writes.add(UpdateConversation(conversation_id="room", title="x"), record("room", topics.CONVERSATION_UPDATED), 1)
    assert [bool(writes.of(name)) for name in (VIEW, "conversations", "messages", "inbox")] == [
        True,
        True,
        False,
        False,
    ]


def test_last_write_per_partition_is_kept_of_many_conversations() -> None:
    writes, last = OwnWrites(), dict[object, int]()
    for n in range(MAX_KEYS + 1):
        writes.add(SEND, record(f"room {n}", topics.MESSAGE_SENT), n)
        last[partition_of(topics.MESSAGE_SENT, f"room {n}".encode())] = n
    assert {partition_of(*at): position for at, position in writes.of("messages").items()} == last
    assert len(writes.of("messages")) == len(last)
