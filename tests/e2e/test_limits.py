"""A user's rate limit covers all of the user's connections together, and does not affect other users."""

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus

from schemas.bounds import COMMANDS_PER_S
from tests.e2e.line import Line, opened
from tests.e2e.up import Up, running

PER_S, BURST = 40, 80
LINES = 12
SECONDS = 3.0
FLOOR_MS = 10
"""Below this an ack is fast enough, on any machine."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    environment = {
        "CAAS_USER_COMMANDS_PER_S": str(PER_S),
        "CAAS_USER_COMMANDS_BURST": str(BURST),
        "CAAS_USER_CONNECTIONS": str(LINES),
        "CAAS_ORIGINS": "https://one.example",
    }
    with running(tmp_path_factory.mktemp("limits"), environment) as found:
        yield found


@pytest.fixture(autouse=True)
def node_keeps_serving(up: Up) -> Iterator[None]:
    yield
    counted = up.counted()
    bugs = {name for name in counted if name.endswith("_internal")}
    assert {name for name in ("connection_failed", "task_failed", *bugs) if counted.get(name)} == set()
    assert "Traceback" not in up.process.log.read_text(errors="replace")


async def asks_until(line: Line, ends: float) -> Counter[str]:
    """Send one query after another; return the counts of the answers."""
    said: Counter[str] = Counter()
    while time.monotonic() < ends:
        frame = await line.ask("presence:get", {"users": ["mal"]})
        said[frame["error"]["code"] if frame["type"] == "error" else frame["type"]] += 1
        assert frame["type"] != "error" or frame["error"]["retry_after_ms"] > 0
    return said


async def talks_until(line: Line, room: str, ends: float, name: str) -> list[float]:
    """Send at half the user's rate limit; return the time of each ack in ms."""
    times: list[float] = []
    while time.monotonic() < ends:
        await asyncio.sleep(2 / PER_S)
        began = time.monotonic()
        said = {"conversation_id": room, "client_msg_id": f"{name} {len(times)}", "text": "still here"}
        await line.done("message:send", said)
        times.append((time.monotonic() - began) * 1000)
    return times


async def flooded(up: Up, turn: int) -> bool:
    """Let mal query on all lines at once while eve sends; return whether eve was answered nearly as fast as before."""
    async with asyncio.TaskGroup() as tasks, opened(up.socket_url, up.token("eve")) as eve:
        room = (await eve.done("conversation:create", {"external_id": "own"}))["conversation_id"]
        before = await talks_until(eve, room, time.monotonic() + 1, f"before {turn}")
        connected, done = asyncio.Event(), asyncio.Event()
        ready = 0

        async def mal(url: str, token: str) -> Counter[str]:
            nonlocal ready
            async with opened(url, token) as line:
                ready += 1
                if ready == LINES:
                    connected.set()
                await connected.wait()
                said = await asks_until(line, time.monotonic() + SECONDS)
                await done.wait()
            return said

        began = time.monotonic()
        token = up.token("mal")
        mals = [tasks.create_task(mal(up.socket_url, token)) for _ in range(LINES)]
        await connected.wait()
        during = await talks_until(eve, room, time.monotonic() + SECONDS, f"during {turn}")
        took = time.monotonic() - began
        done.set()
        said = sum([await task for task in mals], Counter[str]())
    quiet, busy = statistics.median(before), statistics.median(during)
    print(f"{dict(said)} in {took:.1f} s; ack {quiet:.1f} ms before, {busy:.1f} ms during")
    assert said.keys() == {"ack", "rate_limited"}
    assert PER_S * (SECONDS - 1) <= said["ack"] + LINES <= BURST + PER_S * took
    assert said["rate_limited"] > LINES * COMMANDS_PER_S
    assert up.counted()["rate_limited"] >= said["rate_limited"]
    return busy < max(2 * quiet, FLOOR_MS)


@pytest.mark.alone
async def test_rate_limit_of_a_user_covers_all_connections_and_no_other_user(up: Up) -> None:
    """A busy machine is slow by itself, so one good attempt of three is enough."""
    for turn in range(3):
        if await flooded(up, turn):
            return
    pytest.fail("eve waited, see above")


async def test_connection_beyond_the_users_maximum_is_closed_permanently(up: Up) -> None:
    async with asyncio.TaskGroup() as tasks:
        enough, over = asyncio.Semaphore(0), asyncio.Event()

        async def stays() -> None:
            async with opened(up.socket_url, up.token("ann")):
                enough.release()
                await over.wait()

        for _ in range(LINES):
            tasks.create_task(stays())
        for _ in range(LINES):
            await enough.acquire()
        async with opened(up.socket_url) as late:
            await late.socket.send(json.dumps({"id": 1, "type": "auth", "data": {"token": up.token("ann")}}))
            assert await late.closed() == 4507
        async with opened(up.socket_url, up.token("ben")) as ben:
            assert await ben.done("conversation:list", {})
        over.set()


async def test_only_pages_of_configured_origins_connect(up: Up) -> None:
    for origin in ("https://evil.example", "http://127.0.0.1:1", "null"):
        with pytest.raises(InvalidStatus) as refused:
            async with opened(up.socket_url, up.token("ann"), origin=origin):
                pytest.fail("the handshake was accepted")
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body)["code"] == "forbidden_origin"
    async with opened(up.socket_url, up.token("ann"), origin="https://one.example") as line:
        assert await line.done("conversation:list", {})
