"""`caas rebuild` beside a running `caas up`: users who chat meanwhile miss nothing and see no duplicates."""

import asyncio
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.line import Line, opened
from tests.e2e.processes import CAAS
from tests.e2e.up import Up, running

pytestmark = pytest.mark.slow

BEFORE = 2_000
PAUSE_MS = 2_000
FEW = 200


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    at_any_pace = {"CAAS_COMMANDS_PER_S": "100000", "CAAS_USER_COMMANDS_PER_S": "0"}
    with running(tmp_path, {"CAAS_DRAIN_MS": "200", **at_any_pace}) as found:
        yield found


def caas(verb: str, up: Up, *more: str) -> subprocess.CompletedProcess[str]:
    arguments = [str(CAAS), verb, *more, "--data", str(up.data), "--json"]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=100, check=False)


async def fill(ann: Line, room: str, messages: int) -> None:
    """Send messages for a rebuild to read, some edited, reacted to and deleted."""
    here = {"conversation_id": room}
    sends = [
        await ann.begin("message:send", {**here, "client_msg_id": f"before {n}", "text": f"before {n}"})
        for n in range(messages)
    ]
    for n, answer in enumerate(await asyncio.gather(*sends)):
        said = {**here, "message_id": answer["data"]["message_id"]}
        if n % 40 == 0:
            await ann.done("message:edit", {**said, "text": f"{n} is edited"})
        if n % 50 == 0:
            await ann.done("reaction:add", {**said, "emoji": "👍"})
        if n % 100 == 0:
            await ann.done("message:delete", said)


async def talk(line: Line, room: str, name: str, over: asyncio.Event) -> int:
    """Send, edit, react and delete without pause until it is over; return the number of sends."""
    here, n = {"conversation_id": room}, 0
    while not over.is_set():
        n += 1
        sent = await line.done("message:send", {**here, "client_msg_id": f"{name} {n}", "text": f"{name} {n}"})
        said = {**here, "message_id": sent["message_id"]}
        if n % 5 == 0:
            await line.done("message:edit", {**said, "text": f"{name} {n}, edited"})
        if n % 3 == 0:
            await line.done("reaction:add", {**said, "emoji": "👍"})
        if n % 7 == 0:
            await line.done("message:delete", said)
    return n


async def query(line: Line, room: str, over: asyncio.Event) -> int:
    """Query repeatedly: no answer fails, none is older than the one before; return the number of queries."""
    last: dict[str, int] = {}
    seq = queries = 0
    while not over.is_set():
        found = (await line.done("conversation:get", {"conversation_id": room}))["seq"]
        assert found >= seq
        synced = await line.done("sync", {"positions": {room: last} if last else {}})
        now = synced["positions"][room]
        assert all(now[lane] >= n for lane, n in last.items()), (last, now)
        last, seq, queries = now, found, queries + 1
    return queries


async def synced(line: Line, room: str) -> dict[str, int]:
    """Return the positions of the conversation, as a new client syncs them."""
    answer: dict[str, Any] = {"complete": False, "positions": {}}
    while not answer["complete"]:
        answer = await line.done("sync", {"positions": answer["positions"]})
    positions: dict[str, int] = answer["positions"][room]
    return positions


def pushed(line: Line, room: str) -> dict[str, list[int]]:
    """Return the numbers of all pushes by lane, in the order received."""
    found: dict[str, list[int]] = {}
    for frame in line.said:
        if frame.get("lane") is not None and "n" in frame and frame["data"]["conversation_id"] == room:
            found.setdefault(frame["lane"], []).append(frame["n"])
    return found


async def test_rebuild_beside_a_running_system_causes_no_loss_and_no_duplicates(up: Up) -> None:
    over = asyncio.Event()
    async with (
        opened(up.socket_url, up.token("ann")) as ann,
        opened(up.socket_url, up.token("bob")) as bob,
        opened(up.socket_url, up.token("cy")) as cy,
    ):
        room = (await ann.done("conversation:create", {"participants": ["bob", "cy"]}))["conversation_id"]
        await fill(ann, room, BEFORE)
        async with asyncio.TaskGroup() as tasks:
            talking = [tasks.create_task(talk(line, room, name, over)) for name, line in (("ann", ann), ("bob", bob))]
            querying = tasks.create_task(query(cy, room, over))
            rebuilt = await asyncio.to_thread(caas, "rebuild", up, "messages")
            await asyncio.sleep(0.5)  # users continue in the new generation
            over.set()
        report = json.loads(rebuilt.stdout)
        said = BEFORE + sum(task.result() for task in talking)
        print(f"{said - BEFORE} messages and {querying.result()} queries meanwhile; rebuild: {report}")
        assert (rebuilt.returncode, report["outcome"], report["new"]) == (0, "switched", 2), rebuilt.stderr
        assert report["pause_ms"] <= PAUSE_MS
        for line in (ann, bob):
            await line.until(lambda: len(line.pushes("message:new")) >= said)  # noqa: B023
        heads = await synced(cy, room)
        assert heads["sent"] == said
        for line in (ann, bob):
            await line.until(lambda: all(pushed(line, room).get(lane, [0])[-1] >= n for lane, n in heads.items()))  # noqa: B023
            assert pushed(line, room) == {lane: list(range(1, n + 1)) for lane, n in heads.items()}
    assert_equal(up)


def assert_equal(up: Up) -> None:
    verified = caas("verify", up)
    found = json.loads(verified.stdout)
    assert (verified.returncode, any(found.values())) == (0, False), found


async def filled(up: Up) -> None:
    async with opened(up.socket_url, up.token("ann")) as ann:
        room = (await ann.done("conversation:create", {"participants": ["bob"]}))["conversation_id"]
        await fill(ann, room, FEW)
        await keep(ann, room)


async def keep(who: Line, room: str) -> None:
    """Set all kinds of private state."""
    here = {"conversation_id": room}
    said = await who.done("message:send", {**here, "client_msg_id": "last", "text": "@bob"})
    for seq in range(1, FEW, 10):
        await who.done("message:read", {**here, "seq": seq})
    await who.done("conversation:mute", here)
    await who.done("conversation:archive", here)
    await who.done("message:hide", {**here, "message_id": said["message_id"]})


async def test_models_and_index_are_rebuilt_repeatedly(up: Up) -> None:
    await filled(up)
    for name, new in (("messages", 2), ("messages", 3), ("inbox", 2), ("search", 2)):
        report = json.loads((await asyncio.to_thread(caas, "rebuild", up, name)).stdout)
        assert (report["outcome"], report["new"]) == ("switched", new), report


@pytest.mark.parametrize(
    ("model", "table", "said", "instead"),
    [
        ("messages", "messages/messages/1", "before 77", "never 77"),
        ("inbox", "inbox/inbox/1", '"archived":true', '"archived":false'),
        ("inbox", "inbox/acts/1", '"act":"hidden"', '"act":"archived"'),
        ("messages", "messages/marks/1", '"named":{', '"named":{"odd":1,'),
    ],
)
async def test_only_the_row_changed_by_hand_is_named(up: Up, model: str, table: str, said: str, instead: str) -> None:
    await filled(up)
    assert_equal(up)
    key = changed_by_hand(up.data / "documents.sqlite", table, said, instead)
    verified = caas("verify", up)
    found: dict[str, list[Any]] = json.loads(verified.stdout)
    assert verified.returncode == 3
    assert found.pop("differing") == {model: 1}
    assert {name: len(rows) for name, rows in found.items() if rows} == {model: 1}
    assert key in json.dumps(found[model])


def changed_by_hand(file: Path, table: str, said: str, instead: str) -> str:
    """Change one row; return its id."""
    with sqlite3.connect(file, timeout=10) as connection:
        key, _ = connection.execute(f'SELECT id, doc FROM "{table}" WHERE doc LIKE ?', (f"%{said}%",)).fetchone()
        connection.execute(f'UPDATE "{table}" SET doc = replace(doc, ?, ?) WHERE id = ?', (said, instead, key))
    connection.close()
    return str(key)
