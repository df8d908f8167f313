"""A chat under chaos: lines break, pushes are lost, the system is killed, and every user's final view is right."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import oracle
from tests.e2e.processes import Process, System, free_port, run, summary_of, within
from tests.e2e.recordings import recordings
from tests.e2e.up import ready_line

ROWS = 1500
SEED = 7

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.mark.parametrize("recording", recordings())
def test_views_are_right_after_chaos_and_a_kill(tmp_path: Path, recording: Path) -> None:
    arguments = ("up", "--data", str(tmp_path / "data"), "--port", str(free_port()), "--json", "--secrets")
    up = Process("up", arguments, tmp_path / "up.log", None, {"CAAS_HEARTBEAT_MS": "2000"}).start()
    try:
        ready = ready_line(up)
        access = ("--app-key", ready["app_key"], "--app-secret", ready["app_secret"])
        system = System(tmp_path, {"CAAS_PUBLIC_URL": ready["url"]})
        playing = system.play(recording, *access, "--limit", str(ROWS), "--chaos", str(SEED))
        within(60, "the play is in the middle", lambda: "play: " in system.play_log.read_text())
        assert playing.poll() is None
        up.kill()
        up.start()
        summary = summary_of(playing, system.play_log, 200)
    finally:
        up.stop()
    print(json.dumps(summary))
    check(summary)
    expected = oracle.fold(oracle.read(recording)[:ROWS])
    assert oracle.differences(transcript(tmp_path / "data"), expected) == []


def check(summary: dict[str, Any]) -> None:
    """Check that nothing is lost or doubled, and that every view is right."""
    assert min(summary["cuts"], summary["losses"]) > 0
    assert summary["cuts"] + summary["losses"] > 10
    assert summary["views"] > 1
    assert (summary["lost"], summary["duplicates"]) == (0, 0)
    assert (summary["views_different"], summary["unread_different"]) == (0, 0)


def transcript(data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("transcript", "--data", str(data)).splitlines()]
