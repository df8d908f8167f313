"""Two nodes and a gateway without configured nodes: it returns the live ones, and `caas play` finds it."""

import json
import secrets
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from schemas.wire.tokens import TOKEN_PATH
from tests.e2e.processes import System, free_port, status_of, within

pytestmark = [pytest.mark.stack, pytest.mark.local, pytest.mark.timeout(300)]
PLAYED = '{"at":"2026-01-01T00:00:%02dZ","kind":"send","channel":"%s","user":"%s","text":"said %d"}\n'


@pytest.fixture
def system(stack: Stack, bootstrap: str, tmp_path: Path) -> Iterator[System]:
    """A gateway and two nodes by `caas stack env`, which notice within seconds, and one worker for all read models."""
    assert bootstrap
    ours = {"CAAS_DATA": str(tmp_path / "data"), "CAAS_PORT": str(free_port()), "CAAS_HEARTBEAT_MS": "5000"}
    found = System(tmp_path, {**stack.env(), **ours})
    try:
        found.spawn("gateway", "serve", "gateway", port=int(found.environment["CAAS_PORT"]))
        for number in (1, 2):
            port = free_port()
            found.spawn(f"socket-{number}", "serve", "socket", "--port", str(port), port=port)
        health = free_port()
        found.spawn("worker", "worker", "--health-port", str(health), port=health)
        for process in found.processes.values():
            process.wait_ready(90)
        yield found
    finally:
        found.stop()


def named(system: System) -> set[int]:
    """Return the ports of the sockets that the gateway returns."""
    environment = system.environment
    request = urllib.request.Request(
        f"http://127.0.0.1:{environment['CAAS_PORT']}{TOKEN_PATH}",
        data=b'{"user_id": "ann"}',
        headers={"X-App-Key": environment["CAAS_APP_KEY"], "X-App-Secret": environment["CAAS_APP_SECRET"]},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return {int(url.split(":")[2].split("/")[0]) for url in json.loads(answer.read())["socket_urls"]}


def test_gateway_returns_live_nodes_and_play_finds_it(system: System, stack: Stack) -> None:
    ports = [int(system.processes[f"socket-{n}"].arguments[-1]) for n in (1, 2)]
    within(10, "both are named", lambda: named(system) == set(ports))

    recording = system.directory / "few.jsonl"
    channel = secrets.token_hex(8)  # a second attempt on the same servers finds the messages of the first
    recording.write_text("".join(PLAYED % (n, channel, "ann" if n % 2 else "bob", n) for n in range(20)))
    summary = json.loads(system.run("play", str(recording), "--json"))
    assert (summary["acked"], summary["lost"]) == (20, 0)

    stack.stop("redis-socket")
    try:
        within(10, "the nodes notice", lambda: status_of(f"http://127.0.0.1:{ports[0]}/readyz") == 503)
        assert named(system) == set(ports)
        assert status_of(f"http://127.0.0.1:{system.environment['CAAS_PORT']}/readyz") == 200
    finally:
        stack.start("redis-socket")
    within(15, "both are named again", lambda: named(system) == set(ports))

    assert system.processes["socket-1"].stop() == 0
    within(3, "a node that stopped is named no more", lambda: named(system) == {ports[1]})
    for process in system.processes.values():
        assert [line["logger"] for line in process.logged()].count("caas.ready") == 1
