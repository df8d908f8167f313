"""A recorded chat on the real servers ends up exact, also when somebody is killed or frozen in the middle of it."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import oracle
from tests.e2e.processes import System, status_of, summary_of, within
from tests.e2e.recordings import recordings
from tests.kills.conftest import StartSystem

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.timeout(600)]

RECORDING: Path = recordings()[-1].values[0]
ROWS = 1500


def check(system: System, summary: dict[str, Any], rows: int | None = None) -> None:
    """Nothing lost, doubled or reordered: the summary, the transcript against the oracle, the fold against the rows."""
    print(json.dumps(summary))
    assert summary["lost"] == 0
    assert summary["duplicates"] == 0
    assert summary["received_by_push"] + summary["healed"] == summary["deliveries_expected"]
    lines = [json.loads(line) for line in system.run("transcript").splitlines()]
    assert oracle.differences(lines, oracle.fold(list(oracle.read(RECORDING))[:rows])) == []
    assert "differ" not in system.run("verify")


def in_the_middle(system: System, disturb: Callable[[], None]) -> dict[str, Any]:
    """Play the first rows, and disturb while they are on their way."""
    playing = system.play(RECORDING, "--limit", str(ROWS))
    said = system.directory / "play.log"
    within(120, "the play is in the middle", lambda: "play: " in said.read_text(errors="replace"))
    assert playing.poll() is None, f"the play was over too soon: {playing.communicate()}"
    disturb()
    return summary_of(playing)


def test_all_six_days_on_one_broker(start_system: StartSystem) -> None:
    _, system = start_system(1)
    check(system, summary_of(system.play(RECORDING)))


@pytest.mark.parametrize("victim", ["messages-1", "socket-1"])
def test_a_process_killed_in_the_middle(start_system: StartSystem, victim: str) -> None:
    _, system = start_system(1)

    def disturb() -> None:
        system.processes[victim].kill()
        time.sleep(3)
        system.processes[victim].start().wait_ready(60)

    check(system, in_the_middle(system, disturb), ROWS)


def test_one_of_three_brokers_killed_in_the_middle(start_system: StartSystem) -> None:
    stack, system = start_system(3)

    def disturb() -> None:
        stack.kill("kafka-2")
        time.sleep(5)
        stack.start("kafka-2")

    check(system, in_the_middle(system, disturb), ROWS)


OUTAGES = {
    "mongo": ("freeze", "thaw", "mongo", 30, "messages-1"),
    "redis": ("stop", "start", "redis-socket", 30, None),
    "search": ("stop", "start", "search", 30, "search-1"),
    "kafka": ("freeze", "thaw", "kafka-1", 15, None),
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_server_away_in_the_middle(start_system: StartSystem, outage: str) -> None:
    stack, system = start_system(1)
    away, back, name, seconds, waits = OUTAGES[outage]

    def disturb() -> None:
        getattr(stack, away)(name)
        until = time.monotonic() + seconds
        if waits is not None:
            url = system.processes[waits].ready_url
            assert url is not None
            within(seconds, f"{waits} not ready", lambda: status_of(url) == 503)
        time.sleep(max(0.0, until - time.monotonic()))
        getattr(stack, back)(name)
        for process in system.processes.values():
            process.wait_ready(60)

    check(system, in_the_middle(system, disturb), ROWS)
