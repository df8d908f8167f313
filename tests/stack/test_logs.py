"""On the real servers the log of no process has content or tokens at debug level, and each process is changed."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.e2e.processes import Process, System, free_port
from tests.e2e.test_logged_content import leaks

pytestmark = [pytest.mark.stack, pytest.mark.local, pytest.mark.timeout(300)]
SENT = '{"at":"2026-01-01T00:00:%02dZ","kind":"send","channel":"%s","user":"%s","text":"%s"}\n'
TEXTS = [f"Nudeln um zwölf, sagt Nummer {n}" for n in range(20)]


@pytest.fixture
def system(stack: Stack, bootstrap: str, tmp_path: Path) -> Iterator[System]:
    """A gateway, a node, a compliance service and a worker for all read models, at debug level."""
    assert bootstrap
    ours = {"CAAS_DATA": str(tmp_path / "data"), "CAAS_PORT": str(free_port()), "CAAS_LOG_LEVEL": "debug"}
    found = System(tmp_path, {**stack.env(), **ours, "CAAS_TENANT": f"t{secrets.token_hex(4)}"})
    try:
        found.spawn("gateway", "serve", "gateway", port=int(found.environment["CAAS_PORT"]))
        for name in ("socket", "compliance"):
            port = free_port()
            found.spawn(name, "serve", name, "--port", str(port), port=port)
        health = free_port()
        found.spawn("worker", "worker", "--health-port", str(health), port=health)
        for process in found.processes.values():
            process.wait_ready(90)
        yield found
    finally:
        found.stop()


def address_of(process: Process) -> str:
    assert process.ready_url is not None
    return process.ready_url.removesuffix("/readyz")


def test_no_process_logs_content_or_tokens_at_debug(system: System) -> None:
    recording, channel = system.directory / "few.jsonl", secrets.token_hex(8)
    recording.write_text("".join(SENT % (n, channel, "ann" if n % 2 else "bob", text) for n, text in enumerate(TEXTS)))
    summary = json.loads(system.run("play", str(recording), "--json"))
    assert (summary["acked"], summary["lost"]) == (len(TEXTS), 0)
    system.run("verify", "messages", "search")
    hidden = [system.environment[f"CAAS_{name}"] for name in ("APP_SECRET", "TOKEN_SECRET", "AUDIT_SEED")]
    for name, process in system.processes.items():
        log = process.log.read_text()
        assert process.logged(), name
        assert (name, leaks(log, [*TEXTS, *hidden])) == (name, [])
    assert {line.get("processor") for line in system.processes["worker"].logged()} >= {"messages", "search"}


def test_levels_of_every_process_change_and_are_recorded(system: System) -> None:
    changed = {}
    for name, process in system.processes.items():
        said = changed_at(system, address_of(process))
        assert (said["process"].partition("@")[0], said["before"]) == (name, "debug")
        changed[said["process"]] = said["levels"]
    where = ("--url", address_of(system.processes["compliance"]), "--purpose", "a test")
    printed = system.run("audit", "query", "--action", "log:level", "--json", *where)
    records = [json.loads(line)["record"] for line in printed.splitlines()]
    assert {record["entity"]["id"]: record["reason"] for record in records} == changed


def changed_at(system: System, url: str) -> dict[str, str]:
    """Change the levels of the process at this address; return its answer."""
    answer: dict[str, str] = json.loads(system.run("log-level", "caas.http=debug,info", "--url", url, "--json"))
    return answer
