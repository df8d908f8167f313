"""A frozen server is noticed within some ten seconds while the system is idle, by its own name."""

import json
import time

import pytest

from deploy.local.stack import Stack
from tests.e2e.processes import Process, System, body_of, within

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.timeout(240)]

TIMEOUT_S = 12.0
"""Maximum duration in seconds: some ten, on a loaded machine; the actual one is printed."""

NOTICES = {
    "mongo": {"messages-1": ("documents", "fail"), "socket-1": ("documents", "warn")},
    "kafka-1": {"messages-1": ("log", "fail"), "socket-1": ("log", "fail")},
    "search": {"search-1": ("index", "fail"), "socket-1": ("index", "warn"), "messages-1": ("index", "warn")},
    "redis-socket": {"messages-1": ("bus", "warn"), "socket-1": ("bus", "warn")},
}


@pytest.mark.parametrize("server", NOTICES)
def test_frozen_server_is_noticed_while_the_system_is_idle(one_broker: tuple[Stack, System], server: str) -> None:
    stack, system = one_broker
    for process in system.processes.values():
        process.wait_ready(60)
    stack.freeze(server)
    began = time.monotonic()
    try:
        for name, (check, status) in NOTICES[server].items():
            process = system.processes[name]
            left = TIMEOUT_S - (time.monotonic() - began)
            within(left, f"{name} notices", lambda: status_of_check(process, check) == status)  # noqa: B023
            print(f"{server}: {name} says {check} {status} after {time.monotonic() - began:.1f} s")
    finally:
        stack.thaw(server)
    for name, (check, _) in NOTICES[server].items():
        process = system.processes[name]
        within(60, f"{name} goes on", lambda: status_of_check(process, check) == "pass")  # noqa: B023
        process.wait_ready(60)


def status_of_check(process: Process, check: str) -> str:
    """Return the status of this check of a process."""
    assert process.ready_url is not None
    status: str = json.loads(body_of(process.ready_url))["checks"][check][0]["status"]
    return status
