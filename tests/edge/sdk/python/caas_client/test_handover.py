"""A client of a node that goes away opens its next line before it leaves the one that it has."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
from aiohttp import web

from edge.sdk.python.caas_client.line import Line
from edge.sdk.python.caas_client.pending_commands import Answer
from tests.edge.fake_node import FakeNode, fake_node
from tests.edge.sdk.python.caas_client.test_line import Heard, said, two
from tests.eventually import eventually


class HandingOver(NamedTuple):
    """A client that is leaving its node: its old line, the command asked on it, what lets the answers go."""

    ada: Line
    room: str
    old: web.WebSocketResponse
    held: Answer
    answers: asyncio.Event


@pytest.fixture
async def node() -> AsyncIterator[FakeNode]:
    async with fake_node() as node:
        yield node


async def test_handover_opens_the_next_line_first_and_loses_and_doubles_nothing(node: FakeNode) -> None:
    async with two(node) as (ada, bo, heard, room):
        (old,) = node.sockets["bo"]
        talk = asyncio.create_task(_talk(ada, room, 60))
        await eventually(lambda: len(heard.numbers()) > 5)
        await node.go_away("bo", 50)
        await eventually(lambda: len(node.sockets["bo"]) == 2)
        assert not old.closed
        await eventually(lambda: old.closed)
        assert old.close_code == 1000
        assert bo.connected
        await talk
        await eventually(lambda: heard.numbers() == list(range(1, 61)))
        assert (bo.connections, [event.type for event in heard.events if event.type == "reset"]) == (2, [])


@asynccontextmanager
async def handing_over(node: FakeNode) -> AsyncIterator[HandingOver]:
    """Ada has two lines: on the old one a command was asked, and no answer comes to any before they are let go."""
    async with two(node) as (ada, _bo, _heard, room):
        (old,) = node.sockets["ada"]
        node.holds_answers = asyncio.Event()
        held = ada.ask("message:send", said(room, "held"))
        await eventually(lambda: node.frames[-1][1]["type"] == "message:send")
        await node.go_away("ada", 1)
        await eventually(lambda: len(node.sockets["ada"]) == 2)
        yield HandingOver(ada, room, old, held, node.holds_answers)


async def test_command_in_flight_is_answered_on_the_old_line_and_sent_once(node: FakeNode) -> None:
    async with handing_over(node) as (ada, room, old, held, answers):
        later = ada.ask("message:send", said(room, "later"))
        answers.set()
        await asyncio.gather(held, later)
        sends = [frame for _, frame in node.frames if frame["type"] == "message:send"]
        assert [(frame["data"]["client_msg_id"], frame.get("retry", False)) for frame in sends] == [
            ("held", False),
            ("later", False),
        ]
        await eventually(lambda: old.closed)


async def test_command_that_the_old_line_never_answered_is_repeated_on_the_next(node: FakeNode) -> None:
    async with handing_over(node) as (_, room, old, held, answers):
        answers.set()
        await old.close(code=4101)
        await held
        assert len(node.conversations[room].messages) == 1


async def test_without_another_node_the_old_line_serves_to_its_end(node: FakeNode) -> None:
    async with two(node) as (ada, bo, heard, room):
        node.refuses_with = 1011
        await node.go_away("bo", 1)
        await ada.command("message:send", said(room, 1))
        await eventually(lambda: heard.numbers() == [1])
        assert (bo.connected, bo.connections) == (True, 1)
        node.refuses_with = None
        await node.cut("bo", 4101)
        await eventually(lambda: bo.connections == 2, within=1.0)
        await ada.command("message:send", said(room, 2))
        await eventually(lambda: heard.numbers() == [1, 2])


async def test_presence_comes_from_the_newer_of_two_lines_alone(node: FakeNode) -> None:
    heard = Heard()
    async with Line(node.urls, "bo", listener=heard):
        (old,) = node.sockets["bo"]
        node.holds_answers = asyncio.Event()  # its sync is not answered: both lines stay
        await node.go_away("bo", 1)
        await eventually(lambda: len(node.sockets["bo"]) == 2)
        await eventually(lambda: node.syncs[1:])
        node.push("bo", json.dumps({"type": "presence", "data": {"user_id": "ada", "status": "online"}}))
        await eventually(lambda: heard.events)
        node.holds_answers.set()
        await eventually(lambda: old.closed)
        assert [event.type for event in heard.events] == ["presence"]


async def test_client_closed_during_a_handover_leaves_no_line(node: FakeNode) -> None:
    async with two(node):
        node.holds_answers = asyncio.Event()
        await node.go_away("bo", 1)
        await eventually(lambda: len(node.sockets["bo"]) == 2)
        node.holds_answers.set()
    await eventually(lambda: not node.sockets["bo"])


async def _talk(ada: Line, room: str, count: int) -> None:
    for number in range(count):
        await ada.command("message:send", said(room, number))
        await asyncio.sleep(0.005)
