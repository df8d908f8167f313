"""A process of ours is found, signalled and ended; another with the same pid never is."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import process
from deploy.local.end import end_all
from deploy.local.process import Process
from deploy.local.server import Layout, StackError
from deploy.local.stack import no_report


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


@pytest.fixture
def sleeper(layout: Layout) -> Iterator[Process]:
    running = process.launch(("sleep", "60"), layout.log("sleeper"), layout.pid("sleeper"))
    yield running
    process.send(running, signal.SIGKILL)
    assert process.exited_within(running, 5)


def test_a_launched_process_is_found_by_its_pid_file(layout: Layout, sleeper: Process) -> None:
    assert process.find(layout.pid("sleeper")) == sleeper


def test_only_its_owner_may_read_its_log(layout: Layout, sleeper: Process) -> None:
    assert stat.S_IMODE(layout.log("sleeper").stat().st_mode) == 0o600


def test_it_runs_in_a_session_of_its_own(sleeper: Process) -> None:
    assert os.getsid(sleeper.pid) == sleeper.pid


def test_its_output_goes_to_its_log(layout: Layout) -> None:
    running = process.launch(("sh", "-c", "echo out; echo err >&2"), layout.log("talker"), layout.pid("talker"))
    assert process.exited_within(running, 5)
    assert layout.log("talker").read_text() == "out\nerr\n"


def test_a_killed_process_has_ended_and_is_not_found(layout: Layout, sleeper: Process) -> None:
    process.send(sleeper, signal.SIGKILL)
    assert process.exited_within(sleeper, 5)
    assert process.find(layout.pid("sleeper")) is None


def test_a_process_with_a_recycled_pid_is_not_killed(layout: Layout, sleeper: Process) -> None:
    other = {"pid": sleeper.pid, "began": sleeper.began - 1}
    layout.pid("old").write_text(json.dumps(other))
    assert process.find(layout.pid("old")) is None
    process.send(Process(**other), signal.SIGKILL)
    assert end_all(Layout(layout.directory / "elsewhere"), 0.0, no_report) == ()
    assert process.alive(sleeper)


def test_a_damaged_pid_file_is_an_error_that_names_it(layout: Layout) -> None:
    layout.pid("x").parent.mkdir(parents=True)
    layout.pid("x").write_text("12")
    with pytest.raises(StackError, match=r"x\.pid is damaged"):
        process.find(layout.pid("x"))


def test_a_missing_pid_file_means_there_is_no_process(layout: Layout) -> None:
    assert process.find(layout.pid("nobody")) is None


def test_a_frozen_process_is_alive_and_ends_on_request(sleeper: Process) -> None:
    process.send(sleeper, signal.SIGSTOP)
    while not process.frozen(sleeper):
        pass
    assert process.alive(sleeper)
    process.end(sleeper)
    assert process.exited_within(sleeper, 5)


def test_signals_to_an_ended_process_are_ignored(sleeper: Process) -> None:
    process.send(sleeper, signal.SIGKILL)
    assert process.exited_within(sleeper, 5)
    process.send(sleeper, signal.SIGTERM)
    assert process.resident_mib(sleeper) == 0


def test_end_all_kills_a_process_that_ignores_sigterm_and_removes_pid_files(layout: Layout) -> None:
    reported: list[str] = []
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    process.launch(("sh", "-c", script), layout.log("deaf"), layout.pid("deaf"))
    while "ready" not in layout.log("deaf").read_text():
        pass
    assert end_all(layout, 0.2, reported.append) == ("deaf",)
    assert reported == ["deaf did not end in time and is killed"]
    assert not layout.pid("deaf").exists()
