"""The Python client in a process and the JavaScript client in a browser talk through two nodes, and miss nothing."""

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from deploy.local.stack import Stack
from tests.browser.application import Application, serving
from tests.browser.conftest import browser
from tests.browser.screen import Screen, opened
from tests.e2e.processes import System
from tests.eventually import eventually

__all__ = ["browser"]

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="session")]

TALKER = Path(__file__).parent / "talker.py"
MORE = 60
LINE = 1 << 26
NAMES = {
    "MessageNew": "message:new",
    "MessageEdited": "message:edited",
    "ReactionChanged": "reaction:changed",
}
TALK = """
async ([room, name]) => {
  window.over = false;
  let number = 0;
  const said = [];
  while (!window.over) {
    number += 1;
    const answer = client.send(room, `${name} ${number}`);
    said.push(answer);
    if (number % 10 === 0) {
      const about = { conversation_id: room, message_id: (await answer).message_id };
      await client.ask("message:edit", { ...about, text: `${name} ${number} again` });
      await client.ask("reaction:add", { ...about, emoji: "👍" });
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  await Promise.all(said);
  return number;
}
"""

Json = dict[str, Any]
View = dict[int, Json]


class Talker:
    """The Python client, seen from the test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, **asked: Any) -> Json:
        """Send a command, and return its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        return await self.said()

    async def said(self) -> Json:
        """Return its next line."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 60)
        found: Json = json.loads(line)
        return found

    async def heard(self) -> list[Json]:
        """Return the numbered events, with the names of the JavaScript client."""
        events = (await self.ask())["heard"]
        return [
            {**event, **_named_event(event)} for event in events if event["type"] in NAMES or event["type"] == "Reset"
        ]


def _named_event(event: Json) -> Json:
    return {"type": NAMES.get(event["type"], "reset"), "data": event.get("message") or event.get("reactions")}


@asynccontextmanager
async def talking(system: System, name: str) -> AsyncIterator[Talker]:
    """Run the Python client, connected; stop it at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(TALKER), system.url, name),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **system.environment},
        limit=LINE,
    )
    talker = Talker(process)
    try:
        assert await talker.said() == {"connected": True}
        yield talker
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_python_and_browser_clients_miss_nothing_while_nodes_restart(
    one_broker: tuple[Stack, System], browser: Browser
) -> None:
    system = one_broker[1]
    system.serve_tenant(f"t{secrets.token_hex(4)}")
    keys = {name: system.environment[f"CAAS_{name.upper()}"] for name in ("app_key", "app_secret")}
    web = Application({"url": system.url, **keys})
    web.changes = lambda granted: {**granted, "socket_urls": granted["socket_urls"][::-1]}
    async with talking(system, "py") as py, serving(web) as page, opened(browser, page, "js") as js:
        room = await js.room("py")
        await py.ask(room=room)
        of_js = asyncio.create_task(js.do(TALK, [room, "js"]), name="js talks")
        await more(js, 0)
        await asyncio.to_thread(restart_node, system, "socket-1", kill=False)
        await more(js, await received_count(js))
        await asyncio.to_thread(restart_node, system, "socket-2", kill=True)
        await more(js, await received_count(js))
        await js.do("() => { window.over = true }")
        said = {"js": await of_js, "py": (await py.ask(over=True))["said"]}
        views = await same_view(py, js, said)
        breaks = len(await js.received("offline"))
        print({"said": said, "messages": len(views), "js lost its line": breaks})
        assert breaks >= 1
        assert await js.received("failed", "error", "reset") == []


def restart_node(system: System, name: str, *, kill: bool) -> None:
    """Kill a node, or stop it as for an update, and start it again."""
    node = system.processes[name]
    if kill:
        node.kill()
    else:
        assert node.stop() == 0
    node.start().wait_ready(60)


async def received_count(js: Screen) -> int:
    return len(await js.received("message:new"))


async def more(js: Screen, than: int) -> None:
    """Wait for more messages."""
    await js.until_received("message:new", than + MORE, within=60)


async def same_view(py: Talker, js: Screen, said: dict[str, int]) -> View:
    """Return what both see once both have received everything: the same, and what was sent."""
    wanted = expected(said)

    async def same() -> None:
        for heard in (await py.heard(), await js.received(*NAMES.values(), "reset")):
            view = view_of(heard)
            assert list(view) == list(range(1, sum(said.values()) + 1))
            for name, texts in wanted.items():
                assert [one["text"] for one in view.values() if one["sender"] == name] == texts
            assert all(one["reactions"] == (one["text"].endswith("again")) for one in view.values())
        assert view_of(await py.heard()) == view_of(await js.received(*NAMES.values(), "reset"))

    await eventually(same, within=30)
    return view_of(await py.heard())


def expected(said: dict[str, int]) -> dict[str, list[str]]:
    """Return the texts of each client, in order."""
    return {
        name: [f"{name} {number}{' again' if number % 10 == 0 else ''}" for number in range(1, count + 1)]
        for name, count in said.items()
    }


def view_of(heard: list[Json]) -> View:
    """Return messages by number, from the events alone; none of lane `sent` is repeated or out of order.

    Lanes are independent: changes of a message may arrive before it, and are newer than its own contents.
    """
    view: View = {}
    texts, reactions = dict[int, str](), dict[int, bool]()
    for event in heard:
        assert event["type"] != "reset"
        data, seq = event["data"], event["data"]["seq"]
        if event["type"] == "message:new":
            assert event["n"] == seq == len(view) + 1
            view[seq] = {"sender": data["sender"], "text": data["text"], "reactions": bool(data.get("reactions"))}
        elif event["type"] == "message:edited":
            texts[seq] = data["text"]
        else:
            reactions[seq] = bool(data["reactions"])
    return {
        seq: {**one, "text": texts.get(seq, one["text"]), "reactions": reactions.get(seq, one["reactions"])}
        for seq, one in view.items()
    }
