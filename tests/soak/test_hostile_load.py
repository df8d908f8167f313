"""Three processes attack a node with all known attacks for an hour; ordinary users hardly notice.

`CAAS_SOAK_MINUTES` sets the duration (60). At the end one line of JSON has the measurements.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.architecture.packages import ROOT
from tests.e2e.line import opened
from tests.e2e.up import Up, running
from tests.eventually import eventually
from tests.soak import members
from tests.soak.victims import SAYERS, Phase, Victims

MINUTES = float(os.environ.get("CAAS_SOAK_MINUTES") or 60)
QUIET_S = 30.0
PREPARE_S = 600.0
ATTACKERS = 3
ACK_MS = 50.0
ACK_RATIO = 3.0
MEMORY_MB = 768.0
LOG_BYTES_PER_MIN = 1_000_000

pytestmark = [pytest.mark.soak, pytest.mark.alone, pytest.mark.timeout(MINUTES * 60 + PREPARE_S + 300)]


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, in seconds."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def attacking(up: Up) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Start the attackers and wait until they are prepared; kill them at the end."""
    where = urlsplit(up.socket_url)
    attackers: list[asyncio.subprocess.Process] = []
    pipe = asyncio.subprocess.PIPE
    try:
        for number in range(ATTACKERS):
            users = {use: f"mal-{number}-{use}" for use in members.USES}
            users |= {f"search-{n}": f"mal-{number}-search-{n}" for n in range(members.SEARCHERS)}
            tokens = {use: await asyncio.to_thread(up.token, user) for use, user in users.items()}
            front = {"number": number, "host": where.hostname, "port": where.port, "tokens": tokens}
            program = [sys.executable, "-m", "tests.soak.attacker"]
            attacker = await asyncio.create_subprocess_exec(*program, stdin=pipe, stdout=pipe, cwd=ROOT)
            attackers.append(attacker)
            write(attacker, json.dumps({**front, "address": f"127.0.0.{number + 2}"}))
        for attacker in attackers:
            assert attacker.stdout is not None
            async with asyncio.timeout(PREPARE_S):
                assert await attacker.stdout.readline() == b"ready\n"
        yield attackers
    finally:
        for attacker in attackers:
            if attacker.returncode is None:
                attacker.kill()
            await attacker.wait()


def write(attacker: asyncio.subprocess.Process, line: str) -> None:
    """Write a line to its stdin."""
    assert attacker.stdin is not None
    attacker.stdin.write(f"{line}\n".encode())


async def watched(up: Up, seconds: float) -> list[float]:
    """Sample the node's memory once a second."""
    seen = []
    for _ in range(int(seconds)):
        await asyncio.sleep(1)
        seen.append(resident_mb(up.pid))
    return seen


async def measured(up: Up) -> tuple[dict[str, Any], Victims]:
    """Measure a quiet phase, then an attack; return the summary."""
    say = [f"says-{n}" for n in range(SAYERS)]
    tokens = {use: up.token(f"vic-{use}") for use in (*say, "hears", "visits")}
    async with opened(up.socket_url, tokens["hears"]) as line:
        talk = {"external_id": "talk", "participants": [f"vic-{use}" for use in tokens]}
        room = (await line.done("conversation:create", talk))["conversation_id"]
    victims = Victims(up.socket_url, tokens, room)
    async with attacking(up) as attackers:
        others = [asyncio.create_task(way(), name=way.__name__) for way in (victims.receive, victims.visit)]
        saying = [asyncio.create_task(victims.say(n), name="say") for n in range(SAYERS)]
        await asyncio.sleep(3)
        quiet = victims.phase = Phase()
        before = await watched(up, QUIET_S)
        log, counted, cpu = up.process.log, up.counted(), cpu_s(up.pid)
        logged = log.stat().st_size
        hostile = victims.phase = Phase()
        for attacker in attackers:
            write(attacker, "go")
        memory = await watched(up, MINUTES * 60)
        cpu, logged = cpu_s(up.pid) - cpu, log.stat().st_size - logged
        said = await asyncio.gather(*(attacker.communicate(b"") for attacker in attackers))
        ended = [json.loads(out) for out, _ in said]
        victims.silent = True
        await asyncio.wait(saying)
        with contextlib.suppress(AssertionError):  # the test compares
            await eventually(lambda: victims.received == victims.said, within=30)
        for task in (*saying, *others):
            task.cancel()
        await asyncio.gather(*saying, *others, return_exceptions=True)
    after = await asyncio.to_thread(up.counted)
    summary = {
        "minutes": MINUTES,
        "quiet": quiet.summary(),
        "hostile": hostile.summary(),
        "ack_p99_ratio": round(hostile.summary()["ack_p99_ms"] / quiet.summary()["ack_p99_ms"], 2),
        "said": victims.said,
        "acked": victims.acked,
        "heard": victims.received,
        "faults": victims.faults[:20],
        "memory_mb": {"quiet": round(max(before)), "most": round(max(memory)), "end": round(memory[-1])},
        "server_cpu": round(cpu / (MINUTES * 60), 2),
        "log_bytes_per_min": round(logged / MINUTES),
        "data_mb": round(sum(file.stat().st_size for file in up.data.rglob("*") if file.is_file()) / 1e6),
        "machine_load": [round(load, 1) for load in os.getloadavg()],
        "counted": {name: count - counted.get(name, 0) for name, count in after.items()},
        "attackers": ended,
    }
    return summary, victims


async def test_users_hardly_notice_an_hour_of_attacks(tmp_path: Path) -> None:
    with running(tmp_path, {"CAAS_TOKEN_TTL_S": "86400"}) as up:
        summary, victims = await measured(up)
        said = up.process.log.read_text(errors="replace")
    print(json.dumps(summary), flush=True)
    assert victims.faults == []
    assert victims.said == victims.acked == victims.received
    assert [attacker["faults"] for attacker in summary["attackers"]] == [[]] * ATTACKERS
    assert "Traceback" not in said
    assert summary["memory_mb"]["most"] < MEMORY_MB
    assert summary["log_bytes_per_min"] < LOG_BYTES_PER_MIN
    assert summary["hostile"]["ack_p99_ms"] < ACK_MS
    assert summary["ack_p99_ratio"] < ACK_RATIO
