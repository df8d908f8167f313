"""Each command that was answered has exactly one audit record, whatever was killed and frozen meanwhile."""

import asyncio
import json
import os
import secrets
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from core.audit.derived import outcome_of
from deploy.local.stack import Stack
from edge.auth.tokens import Tokens
from edge.tools import audit_verifier
from tests.e2e.line import opened
from tests.e2e.processes import Process, System, free_port, run
from tests.kills.asking import Asker
from tests.kills.conftest import system_on

MINUTES = float(os.environ.get("CAAS_SOAK_MINUTES") or 5)
USERS = 8
INTERVAL_S = 0.08
"""Some 80 commands a second of all users, until something is away."""
CALM_S = 3.0
AWAY_S = 5.0
LONG_S = 600.0
WHY = ("--purpose", "a test")

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.soak, pytest.mark.timeout(MINUTES * 60 + 2 * LONG_S)]


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[tuple[Stack, System]]:
    """The system on a MongoDB server that is durable, except for the last second before it is killed."""
    with system_on(tmp_path, mongo_backend="h2", heartbeat_ms=2000) as found:
        yield found


def killed(process: Process) -> Callable[[], None]:
    """Return what kills a process and starts it again."""

    def disturb() -> None:
        process.kill()
        time.sleep(1)
        process.start()

    return disturb


def frozen(process: Process) -> Callable[[], None]:
    """Return what freezes a process for some time."""

    def disturb() -> None:
        assert process.running is not None
        process.running.send_signal(signal.SIGSTOP)
        time.sleep(AWAY_S)
        process.running.send_signal(signal.SIGCONT)

    return disturb


def away(stack: Stack, server: str, take: str, give: str) -> Callable[[], None]:
    """Return what takes a server away for some time."""

    def disturb() -> None:
        getattr(stack, take)(server)
        time.sleep(AWAY_S)
        getattr(stack, give)(server)

    return disturb


def disturbances(stack: Stack, system: System) -> dict[str, Callable[[], None]]:
    """Return all that happens, in turns, by name."""
    workers = ("messages-1", "audit_events-1", "audit-1", "conversations-1", "socket-1", "socket-2")
    servers = {
        "mongo": (("freeze", "thaw"), ("kill", "start")),
        "kafka-1": (("freeze", "thaw"), ("kill", "start")),
        "redis-socket": (("stop", "start"),),
    }
    return {
        **{f"{name} killed": killed(system.processes[name]) for name in workers},
        **{f"{name} frozen": frozen(system.processes[name]) for name in ("audit-1", "audit_events-1", "socket-1")},
        **{f"{name} {take}": away(stack, name, take, give) for name in servers for take, give in servers[name]},
    }


async def asked(stack: Stack, system: System, tenant: str) -> tuple[list[Asker], Counter[str]]:
    """Let users ask while one thing after the other is killed or frozen; return them, and what was done how often."""
    urls = system.environment["CAAS_SOCKET_URLS"].split(",")
    tokens, over = Tokens(system.environment["CAAS_TOKEN_SECRET"], 7200), asyncio.Event()
    users = {f"user-{n}": tokens.issue(tenant, f"user-{n}")[0] for n in range(USERS)}
    rooms = {}
    for user, token in users.items():
        async with opened(urls[0], token) as line:
            rooms[user] = (await line.done("conversation:create", {"external_id": f"~{user}"}))["conversation_id"]
    foreign = dict(zip(users, [*list(rooms.values())[1:], *list(rooms.values())[:1]], strict=True))
    askers = [
        Asker(user, token, [*urls[n % 2 :], *urls[: n % 2]], rooms[user], foreign[user], INTERVAL_S, over)
        for n, (user, token) in enumerate(users.items())
    ]
    done: Counter[str] = Counter()
    ends = time.monotonic() + MINUTES * 60
    async with asyncio.TaskGroup() as tasks:
        for asker in askers:
            tasks.create_task(asker.ask_until_over(), name=asker.user)
        for name, disturb in cycle(disturbances(stack, system).items()):
            await asyncio.sleep(CALM_S)
            if time.monotonic() > ends:
                break
            await asyncio.to_thread(disturb)
            done[name] += 1
        for process in system.processes.values():
            await asyncio.to_thread(process.wait_ready, 60)
        over.set()
    return askers, done


def faults_of(askers: list[Asker], records: list[dict[str, Any]]) -> list[str]:
    """Return what is wrong: commands without a record, with several, or with another outcome."""
    by_request: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        by_request[record["correlation_id"]].append(record)
    faults = []
    for answered in (answered for asker in askers for answered in asker.answers):
        found = [
            (record["actor"]["id"], record["action"], record["outcome"])
            for record in by_request[answered.correlation_id]
        ]
        outcome = outcome_of(answered.code) if answered.code else "success"
        if found != [(answered.actor, answered.action, outcome)]:
            faults.append(f"{answered}: {by_request[answered.correlation_id]}")
    return faults


async def test_every_answered_command_has_one_record(durable: tuple[Stack, System], tmp_path: Path) -> None:
    stack, system = durable
    tenant, port = f"t{secrets.token_hex(4)}", free_port()
    system.environment |= {"CAAS_TENANT": tenant, "CAAS_COMPLIANCE_PORT": str(port)}
    askers, done = await asked(stack, system, tenant)
    service = system.spawn("compliance", "serve", "compliance", "--port", str(port), port=port)
    await asyncio.to_thread(service.wait_ready, 60)

    async def caas(*arguments: str) -> str:
        return await asyncio.to_thread(run, *arguments, environment=system.environment, seconds=LONG_S)

    printed = await caas("audit", "query", *WHY, "--json", "--limit", "0")
    records = [json.loads(line)["record"] for line in printed.splitlines()]
    codes = Counter(answered.code for asker in askers for answered in asker.answers)
    print(dict(codes), {"repeated": sum(asker.repeated for asker in askers), "records": len(records)}, dict(done))
    faults = faults_of(askers, records)
    print("\n".join(faults))
    assert faults == []
    assert codes[""] > 0 < codes["not_a_participant"]
    export = tmp_path / "audit.jsonl"
    await caas("audit", "export", str(export), *WHY)
    (tmp_path / "key").write_text(await caas("audit", "key"))
    arguments = [str(export), "--checkpoint", f"{export}.checkpoint", "--key", str(tmp_path / "key")]
    assert audit_verifier.main(arguments) == 0
    assert {name: found for name, found in json.loads(await caas("verify", "--json")).items() if found} == {}
