"""`caas up`, `caas play`, `caas transcript`: a recorded chat results in exactly the expected read model."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import oracle
from tests.e2e.processes import Process, run
from tests.e2e.recordings import recordings
from tests.e2e.up import ready_line


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Process]:
    process = Process(
        "up",
        ("up", "--data", str(tmp_path / "data"), "--port", "0", "--json", "--secrets"),
        tmp_path / "up.log",
        None,
        {},
    )
    process.start()
    yield process
    process.stop()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("recording", recordings())
def test_read_model_of_a_recorded_chat_is_as_expected(up: Process, tmp_path: Path, recording: Path) -> None:
    ready = ready_line(up)
    access = ("--url", ready["url"], "--app-key", ready["app_key"], "--app-secret", ready["app_secret"])
    summary = json.loads(run("play", str(recording), *access, "--json"))
    print(summary)
    assert summary["lost"] == 0
    assert summary["duplicates"] == 0
    assert summary["received_by_push"] + summary["healed"] == summary["deliveries_expected"]
    running = transcript(tmp_path)
    assert oracle.differences(running, oracle.fold(recording)) == []
    assert up.stop() == 0
    assert transcript(tmp_path) == running


@pytest.mark.timeout(300)
def test_kill_9_loses_no_acknowledged_message(up: Process, tmp_path: Path) -> None:
    ready = ready_line(up)
    access = ("--url", ready["url"], "--app-key", ready["app_key"], "--app-secret", ready["app_secret"])
    recording = recordings()[0].values[0]
    run("play", str(recording), *access, "--json")
    up.kill()
    assert oracle.differences(transcript(tmp_path), oracle.fold(recording)) == []
    assert "messages: equal" in run("verify", "--data", str(tmp_path / "data"))


def transcript(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("transcript", "--data", str(tmp_path / "data")).splitlines()]
