"""A read model is rebuilt and switched to while people chat, without any effect on writers and readers."""

import asyncio
import json
import os
import secrets
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from pymongo import MongoClient

from deploy.local.stack import Stack
from edge.auth.tokens import Tokens
from edge.sdk.python.caas_client.line import Line
from edge.sdk.python.caas_client.wire import Event
from schemas.wire.frames import LANES
from tests.e2e.processes import CAAS, System, summary_of, within
from tests.eventually import eventually
from tests.kills.playing import RECORDING, ROWS, check, check_read_models

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.timeout(300)]

PAUSE_MS = 2000
WRITES_EVERY_S = 0.05
READS_EVERY_S = 0.05


class Room:
    """One conversation of a new tenant: a user writes all the time, and on each node a user reads."""

    def __init__(self, system: System) -> None:
        self.tenant = f"t{secrets.token_hex(4)}"
        self._tokens = Tokens(system.environment["CAAS_TOKEN_SECRET"], 900)
        self._urls = system.environment["CAAS_SOCKET_URLS"].split(",")
        self.reads = 0
        self.written: list[str] = []
        self.pushed: dict[str, list[int]] = {f"reader-{n}": [] for n in range(len(self._urls))}
        self._over = False

    def _client(self, user: str, node: int) -> Line:
        def received(event: Event) -> None:
            if event.lane == "sent" and user in self.pushed:
                assert event.n is not None
                self.pushed[user].append(event.n)

        return Line(self._urls[node], self._tokens.issue(self.tenant, user)[0], listener=received)

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Write and read during the block; a failed read or write fails the block."""
        async with AsyncExitStack() as stack:
            writer = await stack.enter_async_context(self._client("writer", 0))
            readers = [
                await stack.enter_async_context(self._client(user, n)) for n, user in enumerate(sorted(self.pushed))
            ]
            made = await writer.command("conversation:create", {"kind": "group", "participants": sorted(self.pushed)})
            self._id = made["conversation_id"]
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write(writer), name="writes")
                for reader in readers:
                    tasks.create_task(self._read(reader), name="reads")
                await eventually(lambda: self.reads > 10, within=10)
                yield
                self._over = True
            await eventually(lambda: all(len(seen) == len(self.written) for seen in self.pushed.values()), within=15)
            assert [client.connections for client in (writer, *readers)] == [1] * (1 + len(readers))

    async def _write(self, client: Line) -> None:
        while not self._over:
            key = f"said-{len(self.written)}"
            await client.command("message:send", {"conversation_id": self._id, "client_msg_id": key, "text": key})
            self.written.append(key)
            await asyncio.sleep(WRITES_EVERY_S)

    async def _read(self, client: Line) -> None:
        """Read, and check that no position ever goes back."""
        seq, positions = 0, {self._id: dict.fromkeys(LANES, 0)}
        while not self._over:
            answer = await client.command("conversation:get", {"conversation_id": self._id})
            assert answer["seq"] >= seq and len(answer["participants"]) == 1 + len(self.pushed)
            synced = await client.command("sync", {"positions": positions})
            assert synced["complete"] and set(synced["positions"]) == {self._id}
            assert all(n >= positions[self._id][lane] for lane, n in synced["positions"][self._id].items())
            seq, positions = answer["seq"], synced["positions"]
            self.reads += 1
            await asyncio.sleep(READS_EVERY_S)


async def rebuilt(system: System, name: str) -> dict[str, Any]:
    """Run `caas rebuild` as a process, and check that it succeeds."""
    report: dict[str, Any] = json.loads(await asyncio.to_thread(system.run, "rebuild", name, "--json", seconds=60))
    print(json.dumps(report))
    assert report["outcome"] == "switched"
    assert report["pause_ms"] <= PAUSE_MS
    return report


async def test_rebuilds_while_people_chat(one_broker: tuple[Stack, System]) -> None:
    system = one_broker[1]
    system.serve_tenant(f"t{secrets.token_hex(4)}")
    room = Room(system)
    async with room.busy():
        playing = system.play(RECORDING, "--limit", str(ROWS))
        await asyncio.to_thread(
            within, 60, "the play is in the middle", lambda: "play: " in system.play_log.read_text()
        )
        reports = [await rebuilt(system, name) for name in ("messages", "messages", "conversations")]
        summary = await asyncio.to_thread(summary_of, playing, system.play_log)
    assert [(report["old"], report["new"]) for report in reports] == [(1, 2), (2, 3), (1, 2)]
    assert reports[1]["records"] > len(room.written) > 0
    print(json.dumps(summary), {"written": len(room.written), "reads": room.reads})
    assert all(seen == list(range(1, len(room.written) + 1)) for seen in room.pushed.values())
    lines = transcript(system, room.tenant)
    assert [(line["seq"], line["text"]) for line in lines] == list(enumerate(room.written, 1))
    check(system, summary, ROWS)
    check_read_models(system)


def test_verify_and_rebuild_report_a_manually_changed_row(one_broker: tuple[Stack, System]) -> None:
    system = one_broker[1]
    client: MongoClient[dict[str, Any]] = MongoClient(system.environment["CAAS_MONGO_URL"])
    with client:
        database = client.get_default_database()
        pointer = database["pointers"].find_one({"_id": "pointer messages"})
        live = 1 if pointer is None else pointer["document"]["live"]
        rows = database[f"messages.messages.g{live}"]
        row = rows.find_one({"sent.text": {"$gt": ""}})
        assert row is not None
        rows.update_one({"_id": row["_id"]}, {"$set": {"sent.text": "never said"}})
        try:
            status, found = run_verb(system, "verify", "--json")
            assert status == 3
            assert found.pop("differing") == {"messages": 1}
            assert {name: named(differences) for name, differences in found.items()} == {
                "messages": [("messages", row["_id"], "sent")],
                "conversations": [],
                "inbox": [],
                "receipts": [],
                "search": [],
                "audit_events": [],
                "audit": [],
                "trace": [],
            }
            assert found["messages"][0]["found"]["text"] == "never said"
            assert found["messages"][0]["expected"]["text"] == row["sent"]["text"]
            status, report = run_verb(system, "rebuild", "messages", "--json")
            assert (status, report["outcome"]) == (1, "differs")
            assert named(report["differences"]) == [("messages", row["_id"], "sent")]
        finally:
            rows.update_one({"_id": row["_id"]}, {"$set": {"sent.text": row["sent"]["text"]}})
    assert run_verb(system, "verify", "--json")[0] == 0


def named(differences: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(one["table"], one["id"], one["what"]) for one in differences]


def transcript(system: System, tenant: str) -> list[dict[str, Any]]:
    out = subprocess.run(
        [str(CAAS), "transcript"],
        capture_output=True,
        env={**os.environ, **system.environment, "CAAS_TENANT": tenant},
        timeout=60,
        check=True,
    ).stdout
    return [json.loads(line) for line in out.splitlines()]


def run_verb(system: System, *arguments: str) -> tuple[int, Any]:
    """Run a verb to its end; return its exit status and its output."""
    done = subprocess.run(
        [str(CAAS), *arguments],
        capture_output=True,
        env={**os.environ, **system.environment},
        timeout=60,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)
