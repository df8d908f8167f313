"""The examples of docs/clients.md run unchanged, each in a separate process, against a real `caas up`."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.sdk.python.caas_client import Client, MessageNew
from tests.e2e.processes import within
from tests.e2e.up import Up, running
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("examples")) as found:
        yield found


def started(up: Up, log: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
    secrets = {"CAAS_APP_KEY": up.ready["app_key"], "CAAS_APP_SECRET": up.ready["app_secret"]}
    environment = {**os.environ, **secrets, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, str(ROOT / "examples" / name), *arguments], stdout=out, stderr=out, env=environment
        )


@contextmanager
def listening(up: Up, folder: Path, name: str, *arguments: str) -> Iterator[None]:
    """Run an example until the end of the block, once it listens."""
    log = folder / f"{name}.log"
    process = started(up, log, name, *arguments)

    def listens() -> bool:
        assert process.poll() is None, log.read_text()
        return "listens" in log.read_text()

    try:
        within(30, f"{name} listens", listens)
        yield
    finally:
        process.terminate()
        process.wait(10)


class Talk:
    """Ann, who chats with an example in a room, and her events."""

    def __init__(self, ann: Client, room: str) -> None:
        self.ann = ann
        self.room = room
        self._events = ann.events()

    async def say(self, text: str) -> str:
        return (await self.ann.send(self.room, text)).message_id

    async def received(self, check: Callable[[MessageNew], bool]) -> MessageNew:
        async for event in self._events:
            if isinstance(event, MessageNew) and check(event):
                return event
        raise AssertionError("the events ended")


@asynccontextmanager
async def talk(up: Up, other: str) -> AsyncIterator[Talk]:
    async with Client(up.socket_url, up.token("ann")) as ann:
        yield Talk(ann, (await ann.create(external_id=f"with {other}", participants=[other])).conversation_id)


async def test_bot_answers_each_ping_once_also_after_a_restart(up: Up, tmp_path: Path) -> None:
    arguments = ("--url", up.url, "--user", "bot", "--state", str(tmp_path / "bot.json"))
    async with talk(up, "bot") as ann:
        with listening(up, tmp_path, "bot.py", *arguments):
            await ann.say("hello bot")
            first = await ann.say("ping")
            pong = await ann.received(lambda event: event.message.sender == "bot")
            assert (pong.message.text, pong.message.reply_to) == ("pong", first)
            seen = pong.n
            await eventually(lambda: json.loads((tmp_path / "bot.json").read_text())[ann.room]["sent"] >= seen)
        second = await ann.say("Ping")
        with listening(up, tmp_path, "bot.py", *arguments):
            pong = await ann.received(lambda event: event.message.sender == "bot")
            assert (pong.message.reply_to, pong.n) == (second, seen + 2)


async def test_echo_repeats_messages_in_order(up: Up, tmp_path: Path) -> None:
    async with talk(up, "echo") as ann:
        with listening(up, tmp_path, "echo.py", "--url", up.socket_url, "--token", up.token("echo")):
            texts = [f"text {number}" for number in range(20)]
            for text in texts:
                await ann.say(text)
            back = [await ann.received(lambda event: event.message.sender == "echo") for _ in texts]
    assert [event.message.text for event in back] == texts


async def test_export_has_every_message_once_in_order_over_all_pages(up: Up, tmp_path: Path) -> None:
    async with Client(up.socket_url, up.token("clerk")) as clerk:
        rooms = [(await clerk.create(external_id=f"export {number}")).conversation_id for number in range(3)]
        await clerk.send(rooms[2], "before leaving")
        await clerk.leave(conversation_id=rooms[2])
        texts = [str(number) for number in range(450)]
        for sending in [clerk.send(rooms[0], text) for text in texts]:
            await sending
        await clerk.send(rooms[1], "alone")
        left = {rooms[0]: len(texts), rooms[1]: 1}
        async for event in clerk.events():
            if isinstance(event, MessageNew) and event.conversation_id in left:
                left[event.conversation_id] -= 1
                if not any(left.values()):
                    break
    log = tmp_path / "export.jsonl"
    process = started(up, log, "export_history.py", "--url", up.socket_url, "--token", up.token("clerk"))
    assert process.wait(30) == 0, log.read_text()
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["text"] for line in lines if line["conversation_id"] == rooms[0]] == texts
    assert [line["seq"] for line in lines if line["conversation_id"] == rooms[0]] == list(range(1, 451))
    assert [line["text"] for line in lines if line["conversation_id"] == rooms[1]] == ["alone"]
    assert [line["text"] for line in lines if line["conversation_id"] == rooms[2]] == ["before leaving"]
    assert len(lines) == 452


def test_example_with_a_wrong_token_reports_it_and_ends(up: Up, tmp_path: Path) -> None:
    log = tmp_path / "wrong.log"
    assert started(up, log, "echo.py", "--url", up.socket_url, "--token", "wrong").wait(30) == 1
    assert log.read_text().startswith("unauthorized: refused with 4501")
