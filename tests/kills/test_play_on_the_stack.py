"""A recorded chat on the real servers ends up exact, also when a process is killed or a server frozen meanwhile."""

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from deploy.local.stack import Stack
from edge.cli.conformance import CHECKS
from tests.e2e.processes import System, body_of, status_of, within
from tests.kills.playing import ROWS, check_read_models, played

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.timeout(400)]

SIDE_BY_SIDE = 2


def test_every_protocol_rule_holds_on_the_real_servers(one_broker: tuple[Stack, System]) -> None:
    """The suite that tests/edge/tools/conformance runs on the embedded system, in parts side by side."""
    system = one_broker[1]
    system.serve_tenant(f"t{secrets.token_hex(4)}")
    names = [check.__name__ for check in CHECKS]
    parts = [[f"--only={name}" for name in names[first::SIDE_BY_SIDE]] for first in range(SIDE_BY_SIDE)]
    with ThreadPoolExecutor() as threads:
        outputs = list(threads.map(lambda part: system.run("conformance", "--json", *part), parts))
    results = [result for output in outputs for result in json.loads(output)["results"]]
    assert sorted(result["name"] for result in results) == sorted(names)
    assert {result["name"]: result["why"] for result in results if result["why"]} == {}


@pytest.mark.soak
def test_whole_play_on_one_broker(one_broker: tuple[Stack, System]) -> None:
    played(one_broker[1])


def test_play_survives_killed_processes(one_broker: tuple[Stack, System]) -> None:
    system = one_broker[1]

    def killed(name: str) -> None:
        system.processes[name].kill()
        time.sleep(3)
        system.processes[name].start().wait_ready(60)

    played(system, ROWS, partial(killed, "messages-1"), partial(killed, "socket-1"))


def test_views_are_right_after_chaos_and_a_killed_node(one_broker: tuple[Stack, System]) -> None:
    node = one_broker[1].processes["socket-2"]

    def disturb() -> None:
        node.kill()
        time.sleep(3)
        node.start().wait_ready(60)

    summary = played(one_broker[1], ROWS, disturb, chaos=4)
    assert min(summary["cuts"], summary["losses"]) > 0
    assert summary["cuts"] + summary["losses"] > 10
    assert (summary["views"] > 1, summary["views_different"], summary["unread_different"]) == (True, 0, 0)


OUTAGES = {
    "mongo": ("freeze", "thaw", "mongo", 30, "messages-1"),
    "redis": ("stop", "start", "redis-socket", 30, "socket-1"),
    "search": ("stop", "start", "search", 30, "search-1"),
    "kafka": ("freeze", "thaw", "kafka-1", 15, "socket-1"),
}


@pytest.mark.parametrize(("first", "second"), [("mongo", "redis"), ("kafka", "search")])
def test_play_survives_server_outages(one_broker: tuple[Stack, System], first: str, second: str) -> None:
    played(one_broker[1], ROWS, partial(outage, *one_broker, first), partial(outage, *one_broker, second))


def outage(stack: Stack, system: System, name: str) -> None:
    """Take this server away; return when it is back and all processes are ready again."""
    away, back, server, seconds, waits = OUTAGES[name]
    getattr(stack, away)(server)
    until = time.monotonic() + seconds
    url = system.processes[waits].ready_url
    assert url is not None
    within(seconds, f"{waits} is not ready", lambda: status_of(url) == 503)
    print(f"{name}: {waits} is not ready after {time.monotonic() + seconds - until:.1f} s: {body_of(url)}")
    time.sleep(max(0.0, until - time.monotonic()))
    getattr(stack, back)(server)
    for process in system.processes.values():
        process.wait_ready(60)


def test_read_models_equal_the_log_after_all_this(one_broker: tuple[Stack, System]) -> None:
    """Once, and not after each play: it folds what all of them left, by the tenant of a row one sees which it was."""
    check_read_models(one_broker[1])
