"""`make slow-test` runs both of its halves, whatever the result of the first."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.architecture.packages import ROOT

PYTHON = """#!/bin/sh
echo "$@" >> {log}
case "$*" in *"not alone"*) exit {together};; *) exit {alone};; esac
"""


@pytest.mark.parametrize(("together", "alone", "status"), [(0, 0, 0), (1, 0, 2), (0, 1, 2), (1, 1, 2)])
def test_both_halves_run_and_a_failure_of_either_is_reported(
    tmp_path: Path, together: int, alone: int, status: int
) -> None:
    log, python, marker = tmp_path / "log", tmp_path / "python", tmp_path / "installed"
    log.touch()
    marker.touch()
    python.write_text(PYTHON.format(log=log, together=together, alone=alone))
    python.chmod(0o700)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    ended = subprocess.run(
        ["make", "slow-test", f"BIN={tmp_path}", f"MARKER={marker}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, len(log.read_text().splitlines())) == (status, 2), ended.stderr.decode()
