"""The backup of an embedded system, with the commands of docs/operations.md, while a user sends messages."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edge.composition.compose import PROCESSORS
from tests.e2e.line import opened
from tests.e2e.processes import run
from tests.e2e.up import Up, running

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def commands() -> str:
    """Return the shell block under "What to back up"."""
    section = PAGE.read_text().partition("## What to back up")[2]
    found = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


async def talked(up: Up, over: asyncio.Event, acknowledged: set[str]) -> None:
    """Send messages until it is over; add the ids of acknowledged ones."""
    async with opened(up.socket_url, up.token("ann")) as ann:
        room = (await ann.done("conversation:create", {"participants": ["bob"]}))["conversation_id"]
        while not over.is_set():
            data = {"conversation_id": room, "client_msg_id": f"m{len(acknowledged)}", "text": "said"}
            acknowledged.add((await ann.done("message:send", data))["message_id"])


@pytest.mark.timeout(180)
async def test_backup_contains_all_messages_acknowledged_before_it(tmp_path: Path) -> None:
    home, acknowledged, over = tmp_path / "home", set[str](), asyncio.Event()
    home.mkdir()
    with running(home, data=".caas/data") as up:
        talking = asyncio.create_task(talked(up, over, acknowledged))
        while len(acknowledged) < 300:
            await asyncio.sleep(0.05)
        before = set(acknowledged)
        await asyncio.to_thread(subprocess.run, ["bash", "-ec", commands()], cwd=home, check=True)
        assert len(acknowledged) > len(before)
        over.set()
        await talking
    [backup] = (home / "backup").iterdir()
    await asyncio.to_thread(restored, backup, before)
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("log.sqlite", "secrets.json"):
        shutil.copy(backup / name, alone)
    await asyncio.to_thread(restored, alone, before)


def restored(data: Path, before: set[str]) -> None:
    """Check that a restored directory has all these messages, and that each read model equals its log."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in run("transcript", "--data", str(data)).splitlines()]
    assert before <= {line["message_id"] for line in lines}
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert run("verify", "--data", str(data)).count(": equal") == len(PROCESSORS)
