"""The resume loop of docs/protocol.md runs unchanged: whatever a line loses, each push is shown once, in order."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.docs.pages import examples
from tests.e2e.line import Line, opened
from tests.e2e.up import Up, running
from tests.eventually import eventually

(LOOP,) = examples("protocol.md", "pseudocode resume")
PROGRAM = compile(LOOP.text, "docs/protocol.md", "exec")
LOST = 0.2
SENDS = 40


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("resume")) as found:
        yield found


class Simple:
    """A client of these lines of code; its connection loses pushes and breaks, `at` and `shown` are its state."""

    def __init__(self, chance: random.Random) -> None:
        self.at: dict[tuple[str, str], int] = defaultdict(int)
        self.held: dict[tuple[str, str], dict[int, Any]] = defaultdict(dict)
        self.shown: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.lines = 0
        self.loses = LOST
        self._chance = chance
        self._asked = 0
        self._waits = False
        self._socket: Any = None
        self._names: dict[str, Any] = {
            name: getattr(self, name) for name in ("at", "held", "ask", "later", "forget", "places", "show")
        }
        exec(PROGRAM, self._names)

    async def live(self, url: str, token: str) -> None:
        """Open one line after another."""
        while True:
            async with connect(url, subprotocols=[Subprotocol("caas.v1.json")], proxy=None) as self._socket:
                self.lines, self._asked = self.lines + 1, 0
                await self._socket.send(json.dumps({"type": "auth", "data": {"token": token}}))
                try:
                    await self._read(self._chance.randint(15, 60))
                except ConnectionClosed:
                    continue

    async def break_off(self) -> None:
        """Break for the last time: a push that was lost after all others is recovered on the next line."""
        self.loses = 0.0
        await self._socket.close()

    async def _read(self, count: int) -> None:
        for _ in range(count):
            frame = json.loads(await self._socket.recv())
            if frame["type"] == "synced" and frame["id"] == self._asked:
                self._asked = 0
            if "lane" in frame and not self._asked and self._chance.random() < self.loses:
                continue
            self._names["heard"](frame)

    def ask(self) -> None:
        if self._asked or self._socket is None:
            return
        self._asked = 1
        positions: dict[str, dict[str, int]] = {}
        for (name, lane), n in self.at.items():
            if name != "user":
                positions.setdefault(name, {})[lane] = n
        data = {"positions": positions, "user": self.at["user", "user"]}
        sending = self._socket.send(json.dumps({"id": 1, "type": "sync", "data": data}))
        self._sending = asyncio.ensure_future(_sent(sending))

    def later(self, seconds: float, what: Any) -> None:
        if not self._waits:
            self._waits = True
            asyncio.get_running_loop().call_later(seconds, self._due, what)

    def _due(self, what: Any) -> None:
        self._waits = False
        if any(self.held.values()):
            what()

    def forget(self, name: str) -> None:
        for place in [place for place in self.at if place[0] == name]:
            del self.at[place], self.shown[place]

    def places(self, positions: dict[str, dict[str, int]], user: int) -> list[tuple[tuple[str, str], int]]:
        lanes = [((name, lane), n) for name, lanes in positions.items() for lane, n in lanes.items()]
        return [*lanes, (("user", "user"), user)]

    def show(self, push: dict[str, Any]) -> None:
        name = "user" if push["lane"] == "user" else push["data"]["conversation_id"]
        self.shown[name, push["lane"]].append(push["n"])


async def _sent(sending: Any) -> None:
    try:
        await sending
    except ConnectionClosed:
        return  # the next line syncs again


def test_loop_has_fifteen_lines() -> None:
    assert len(LOOP.text.splitlines()) == 15


@pytest.mark.parametrize("seed", range(3))
async def test_pushes_are_shown_once_and_in_order_over_lossy_lines(up: Up, seed: int) -> None:
    simple = Simple(random.Random(seed))
    user = f"simple{seed}"
    async with opened(up.socket_url, up.token(f"ann{seed}")) as ann:
        rooms = [
            (await ann.done("conversation:create", {"client_key": f"{seed} {n}", "participants": [user]}))[
                "conversation_id"
            ]
            for n in range(2)
        ]
        living = asyncio.create_task(simple.live(up.socket_url, up.token(user)))
        async with opened(up.socket_url, up.token(user)) as other_device:
            await _send_all(ann, other_device, rooms)
        await simple.break_off()
        wanted = {(room, lane): list(range(1, n + 1)) for room in rooms for lane, n in _expected(SENDS).items()}
        wanted["user", "user"] = list(range(1, SENDS + 1))
        try:
            await eventually(lambda: _missing(simple, wanted) == {}, 30)
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
    own = simple.shown.pop(("user", "user"))  # after a gap only the current state is sent, so numbers are skipped
    assert (own, own[-1]) == (sorted(set(own)), wanted.pop(("user", "user"))[-1])
    assert {place: found for place, found in simple.shown.items() if found} == wanted
    assert simple.lines > 1


def _expected(sends: int) -> dict[str, int]:
    return {"conversation": 1, "sent": sends, "edited": sends // 4, "reaction": sends // 4}


def _missing(simple: Simple, wanted: dict[tuple[str, str], list[int]]) -> dict[tuple[str, str], int]:
    """Return the last number of each lane that was not shown yet."""
    return {place: numbers[-1] for place, numbers in wanted.items() if numbers[-1] not in simple.shown[place]}


async def _send_all(ann: Line, device: Line, rooms: list[str]) -> None:
    for n in range(SENDS):
        for room in rooms:
            here = {"conversation_id": room}
            said = await ann.done("message:send", {**here, "client_msg_id": f"{n}", "text": f"{n}"})
            message = {**here, "message_id": said["message_id"]}
            if n % 4 == 0:
                await ann.done("message:edit", {**message, "text": f"{n}!"})
                await ann.done("reaction:add", {**message, "emoji": "👍"})
        kept = "conversation:mute" if n % 2 == 0 else "conversation:unmute"
        await device.done(kept, {"conversation_id": rooms[0], "client_key": f"{n}"})
