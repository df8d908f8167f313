"""A client written from docs/protocol.md alone: a WebSocket library, a token of `caas token`, none of our code."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import line
from tests.e2e.line import Line, opened
from tests.e2e.processes import CAAS
from tests.e2e.up import Up, running

OURS = {"core", "deploy", "edge", "projections", "schemas", "streams"}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("plain")) as found:
        yield found


def token(up: Up, user: str) -> str:
    """Return a token as a developer without an application gets it."""
    command = [str(CAAS), "token", user, "--data", str(up.data)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


async def test_plain_client_chats_edits_deletes_repeats_and_syncs(up: Up) -> None:
    tokens = {user: token(up, user) for user in ("ann", "bob")}
    async with opened(up.socket_url, tokens["ann"]) as ann, opened(up.socket_url, tokens["bob"]) as bob:
        room = await _talk(ann, bob)
        here = {"conversation_id": room}
        positions = (await bob.done("sync", {"positions": {}}))["positions"]
        assert positions == {room: {"conversation": 1, "sent": 2, "edited": 1, "deleted": 1, "reaction": 0}}
    async with opened(up.socket_url, tokens["ann"]) as ann:
        missed = (await ann.done("message:send", {**here, "client_msg_id": "3", "text": "are you there?"}))[
            "message_id"
        ]
        await ann.push("message:new", message_id=missed)
    async with opened(up.socket_url, tokens["bob"]) as bob:
        synced = await bob.done("sync", {"positions": positions})
        assert synced == {
            "complete": True,
            "positions": {room: {**positions[room], "sent": 3}},
            "user": None,
            "reset": [],
        }
        pushes = [frame for frame in bob.said if "lane" in frame]
        assert [(frame["type"], frame["n"], frame["data"]["text"]) for frame in pushes] == [
            ("message:new", 3, "are you there?")
        ]


async def _talk(ann: Line, bob: Line) -> str:
    """Use every kind of command on one line; return the conversation."""
    room: str = (await ann.done("conversation:create", {"external_id": "lunch", "participants": ["bob"]}))[
        "conversation_id"
    ]
    here = {"conversation_id": room}
    assert (await bob.push("conversation:updated", **here))["data"]["change"] == "created"
    first = {**here, "client_msg_id": "1", "text": "Noodles at noon? 🍜"}
    sent = await ann.done("message:send", first)
    assert sent["level"] == "accepted"
    said = {**here, "message_id": sent["message_id"]}
    pushed = await bob.push("message:new", **said)
    assert (pushed["n"], pushed["data"]["seq"], pushed["data"]["text"]) == (1, 1, first["text"])
    assert (await ann.push("receipt", stage="persisted", **said))["data"]["applied"] is True

    again = await ann.done("message:send", first, retry=True)
    assert again["message_id"] == sent["message_id"]
    other = await ann.ask("message:send", {**first, "text": "Soup?"})
    # A node that remembers the first send rejects at once; else the log does, after the acceptance.
    conflict = other if other["type"] == "error" else await ann.push("error", **said)
    assert conflict["error"]["code"] == "idempotency_conflict"

    await ann.done("message:edit", {**said, "text": "Noodles at one?"})
    edited = await bob.push("message:edited", **said)
    assert (edited["data"]["text"], edited["data"]["edited"]) == ("Noodles at one?", True)
    second = {**here, "client_msg_id": "2", "text": "never mind"}
    gone = {**here, "message_id": (await ann.done("message:send", second))["message_id"]}
    await ann.done("message:delete", gone)
    deleted = await bob.push("message:deleted", **gone)
    assert (deleted["data"]["text"], deleted["data"]["deleted"]) == (None, True)
    not_his = await bob.ask("message:edit", {**said, "text": "Pizza!"})
    assert not_his["error"]["code"] == "not_the_author"
    await bob.push("message:new", **gone)
    assert [frame["n"] for frame in bob.pushes("message:new")] == [1, 2]
    return room


async def test_token_in_the_header_opens_a_line(up: Up) -> None:
    bearer = {"Authorization": f"Bearer {up.token('ann')}"}
    async with opened(up.socket_url, additional_headers=bearer) as ann:
        hello = await ann.until(lambda: ann.said)
        assert (hello[0]["type"], hello[0]["data"]["user_id"]) == ("hello", "ann")


@pytest.mark.parametrize("path", [Path(line.__file__), Path(__file__)], ids=lambda path: path.name)
def test_plain_client_imports_none_of_our_code(path: Path) -> None:
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not imported & OURS
