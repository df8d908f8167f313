"""`caas up` prints why it cannot start, and stops on signals, with or without clients."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from core.settings import Settings
from edge.cli.up import running_at
from edge.composition import compose
from edge.process.secrets_file import NAME
from projections.generations import read_pointer, replace_pointer
from streams.processors.messages import Messages
from streams.processors.receipts import Receipts
from tests.e2e.line import opened
from tests.e2e.processes import CAAS, Process, run
from tests.e2e.up import Up, ready_line, running

TIMEOUT_S = 10


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with running(tmp_path, {"CAAS_DRAIN_MS": "300"}) as found:
        yield found


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Start another one, which fails."""
    return subprocess.run([str(CAAS), "up", *arguments], capture_output=True, text=True, timeout=60, check=False)


async def test_up_cannot_start_twice_and_notifies_clients_on_sigterm(up: Up, tmp_path: Path) -> None:
    port = up.url.rpartition(":")[2]
    async with opened(up.socket_url, up.token("ann")) as ann, opened(up.socket_url, up.token("bob")) as bob:
        same = await asyncio.to_thread(start, "--data", str(up.data), "--port", "0")
        assert (same.returncode, same.stdout) == (1, "")
        assert same.stderr.startswith("caas up: ")
        assert f"is written by another process (pid {up.pid})" in same.stderr
        taken = await asyncio.to_thread(start, "--data", str(tmp_path / "other"), "--port", port)
        assert (taken.returncode, port in taken.stderr) == (1, True)
        assert "Address already in use: --port or CAAS_PORT names another port" in taken.stderr
        assert "Traceback" not in same.stderr + taken.stderr
        await ann.done("conversation:create", {"external_id": "still here"})

        os.kill(up.pid, signal.SIGTERM)
        for line in (ann, bob):
            assert await line.closed() == 4101
            (push,) = line.pushes("going-away")
            assert push["data"]["reconnect_after_ms"] > 0
    assert up.process.running is not None
    assert up.process.running.wait(TIMEOUT_S) == 0
    assert "Traceback" not in up.process.log.read_text()
    assert not (up.data / "up.json").exists()


async def test_secrets_are_only_in_their_file_and_are_not_printed(tmp_path: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    arguments = ("up", "--data", str(data), "--port", "0", "--json")
    process = Process("up", arguments, log, None, {"CAAS_LOG_LEVEL": "debug"}).start()
    try:
        ready = ready_line(process)
        secrets: dict[str, str] = json.loads((data / NAME).read_text())
        assert ready["app_key"] == secrets["app_key"] and "app_secret" not in ready
        places = [log, *(path for path in data.rglob("*") if path.is_file() and path.name != NAME)]
        assert data / "up.json" in places
        for name in ("app_secret", "token_secret"):
            assert [path for path in places if secrets[name].encode() in path.read_bytes()] == []
        file = tmp_path / "one.jsonl"
        file.write_text('{"at":"1","kind":"send","channel":"c","user":"ann","text":"one"}\n')
        summary = json.loads(await asyncio.to_thread(run, "play", str(file), "--data", str(data), "--json"))
        assert (summary["acked"], summary["lost"]) == (1, 0)
    finally:
        process.stop()


async def test_models_of_older_versions_are_reported_at_the_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    outdated = {"messages": Messages.version - 1, "receipts": Receipts.version - 1}
    async with compose.opened(compose.embedded(Settings(data=str(data)))) as system:
        for name, version in outdated.items():
            known = await read_pointer(system.documents, name)
            made = msgspec.structs.replace(known, version=version)
            assert await replace_pointer(system.documents, name, made, known)
    with running(tmp_path) as up:
        lines = [line["message"] for line in up.process.logged() if line["level"] == "warning"]
        assert [line.partition(":")[0] for line in lines] == list(outdated)
        assert all(f"`caas rebuild {name}` rebuilds it" in line for name, line in zip(outdated, lines, strict=True))
        report = json.loads(
            await asyncio.to_thread(run, "rebuild", "receipts", "--json", "--accept", digest(data), "--data", str(data))
        )
        assert report["outcome"] == "switched"
    with running(tmp_path, name="again") as up:
        lines = [line["message"] for line in up.process.logged() if line["level"] == "warning"]
        assert [line.partition(":")[0] for line in lines] == ["messages"]


def digest(data: Path) -> str:
    """Return the digest that a person reviews and accepts."""
    rebuild = subprocess.run(
        [str(CAAS), "rebuild", "receipts", "--json", "--data", str(data)], capture_output=True, text=True, check=False
    )
    report = json.loads(rebuild.stdout)
    assert report["outcome"] == "needs_accept"
    found: str = report["digest"]
    return found


@pytest.mark.parametrize("written", ["", "{", "[]", '{"url":"no url","app_key":"k"}', '{"url":"http://127.0.0.1:1"}'])
def test_address_file_of_a_dead_process_is_no_running_system(tmp_path: Path, written: str) -> None:
    (tmp_path / "up.json").write_text(written)
    assert running_at(Settings(data=str(tmp_path))) is None


async def test_sigint_stops_up_and_it_starts_again(up: Up) -> None:
    async with opened(up.socket_url, up.token("ann")) as ann:
        os.kill(up.pid, signal.SIGINT)
        assert await ann.closed() == 4101
    assert up.process.running is not None
    assert up.process.running.wait(TIMEOUT_S) == 0
    with running(up.data.parent, name="again") as again:
        async with opened(again.socket_url, again.token("ann")) as ann:
            await ann.done("conversation:list", {})


async def test_second_signal_ends_up_at_once(tmp_path: Path) -> None:
    with running(tmp_path, {"CAAS_DRAIN_MS": "60000"}) as up:
        async with opened(up.socket_url, up.token("ann")) as ann:
            os.kill(up.pid, signal.SIGTERM)
            await ann.push("going-away")
            os.kill(up.pid, signal.SIGTERM)
            assert up.process.running is not None
            assert await asyncio.to_thread(up.process.running.wait, TIMEOUT_S) == 130
