"""Reads of one connection or user do not delay other users, and wait without an answer in memory."""

import asyncio
import json
from typing import Any

import pytest

from core.identity import Identity
from edge.socket.delivery import sync_sender
from edge.socket.node import Node
from edge.socket.session.client_session import MAX_CONCURRENT_ANSWERS, ClientSession
from tests.edge.socket.asking import come, said
from tests.edge.socket.world import TENANT, Person, World, room, send
from tests.eventually import eventually

TEXT = "x" * 10_000


class SlowReader:
    """A client whose connection has room only when the test allows it: `asked` counts the waits for room."""

    def __init__(self, node: Node, user: str) -> None:
        self.asked = 0
        self.sent = 0
        self.largest = 0
        self.heard: list[dict[str, Any]] = []
        self.room = asyncio.Event()
        self._node = node
        self._user = user
        self._client: ClientSession | None = None
        self._at = 0

    async def come(self) -> "SlowReader":
        self._client = await self._node.connect(Identity(TENANT, self._user, 4e9), self._hear, ready=self._ready)
        return self

    async def _ready(self) -> None:
        self.asked += 1
        self.largest = max(self.largest, self.sent - self._at)
        await self.room.wait()
        self._at = self.sent

    def _hear(self, frame: bytes) -> None:
        self.sent += len(frame)
        self.heard.append(json.loads(frame))

    async def say(self, number: int, kind: str, **data: Any) -> None:
        assert self._client is not None
        await self._node.receive(self._client, json.dumps({"id": number, "type": kind, "data": data}))

    def answered(self) -> list[int]:
        return [frame["id"] for frame in self.heard if frame.get("id") is not None]


class Beside(Person):
    """A user who notes, with each frame, which frames another user has received by then."""

    def __init__(self, node: Node, user: str, other: Person) -> None:
        super().__init__(node, user)
        self.other = other
        self.noted: list[list[dict[str, Any]]] = []

    def _hear(self, frame: bytes) -> None:
        super()._hear(frame)
        self.noted.append(list(self.other.heard))


async def test_syncs_of_a_connection_run_one_after_another(running: tuple[World, Node]) -> None:
    found, node = running
    slow = await SlowReader(node, "ann").come()
    await slow.say(1, "sync", positions={})
    second = asyncio.create_task(slow.say(2, "sync", positions={}))
    await eventually(lambda: slow.asked == 1 and found.health.counted["syncs_waited"] == 1)
    assert not second.done()
    slow.room.set()
    await second
    await eventually(lambda: slow.answered() == [1, 2])


async def test_command_behind_a_sync_is_answered_before_it_ends(running: tuple[World, Node]) -> None:
    _, node = running
    slow = await SlowReader(node, "ann").come()
    await slow.say(1, "sync", positions={})
    await slow.say(2, "conversation:create", participants=["ben"])
    await eventually(lambda: slow.answered() == [2])
    slow.room.set()
    await eventually(lambda: slow.answered() == [2, 1])


async def test_few_answers_are_computed_for_a_client_that_does_not_read(running: tuple[World, Node]) -> None:
    _, node = running
    slow = await SlowReader(node, "ann").come()
    for number in range(40):
        await slow.say(number, "conversation:list")
    await eventually(lambda: slow.asked == MAX_CONCURRENT_ANSWERS)
    assert not slow.answered()
    slow.room.set()
    await eventually(lambda: sorted(slow.answered()) == list(range(40)))


@pytest.mark.parametrize("size", [25_000, 100])
async def test_sync_sends_at_most_a_page_of_bytes_before_it_checks_for_room(
    running: tuple[World, Node], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, node = running
    monkeypatch.setattr(sync_sender, "PAGE_BYTES", size)
    (ann,) = await come(node, "ann")
    here = await room(ann, "ben")
    await send(ann, here, *(f"{n} {TEXT}" for n in range(60)))
    await eventually(lambda: len(ann.texts()) == 60)  # the last push has gone out before ben comes
    slow = await SlowReader(node, "ben").come()
    slow.room.set()
    await slow.say(1, "sync", positions={})
    await eventually(lambda: slow.answered() == [1])
    received = [frame["n"] for frame in slow.heard if frame.get("lane") == "sent"]
    assert received == list(range(1, 61))
    assert slow.largest <= size + len(TEXT) + 1_000


async def test_many_reads_of_one_user_do_not_delay_other_users(running: tuple[World, Node]) -> None:
    _, node = running
    (ann,) = await come(node, "ann")
    ben = Beside(node, "ben", ann)
    await ben.come()
    here = await room(ann, "ben")
    await said(ann, here, "hello")
    asked = [await ann.say("conversation:get", conversation_id=here) for _ in range(50)]
    answer = await ben.ask("message:history", conversation_id=here)
    assert answer["type"] == "ack"
    before = sum(frame.get("id") in asked for frame in ben.noted[ben.heard.index(answer)])
    assert before < len(asked) // 2
    await eventually(lambda: all(ann.reply(number) for number in asked))


async def test_reads_of_one_user_are_answered_in_order(running: tuple[World, Node]) -> None:
    _, node = running
    (ann,) = await come(node, "ann")
    here = await room(ann, "ben")
    asked = [await ann.say("conversation:get", conversation_id=here) for _ in range(10)]
    await eventually(lambda: all(ann.reply(number) for number in asked))
    assert [frame["id"] for frame in ann.heard if frame.get("id") in asked] == asked


async def test_disconnected_user_gives_up_their_turn(running: tuple[World, Node]) -> None:
    _, node = running
    (ann,) = await come(node, "ann")
    here = await room(ann, "ben")
    for _ in range(20):
        other = await Person(node, "ann").come()
        await other.say("conversation:get", conversation_id=here)
        other.go()
    assert (await ann.ask("conversation:get", conversation_id=here))["type"] == "ack"
