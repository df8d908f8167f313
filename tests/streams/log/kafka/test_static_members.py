"""A worker has a name that no living worker has, and one that is started again gets its old name."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from streams.log.kafka.static_members import free_slot

PROGRAM = """
import sys
from pathlib import Path
from streams.log.kafka.static_members import free_slot

with free_slot(Path(sys.argv[1]), "messages") as name:
    print(name, flush=True)
    sys.stdin.read()
"""


def test_concurrent_workers_have_different_names(tmp_path: Path) -> None:
    with free_slot(tmp_path, "messages") as one, free_slot(tmp_path, "messages") as two:
        with free_slot(tmp_path, "inbox") as other:
            assert len({one, two, other}) == 3
        assert (one[-2:], two[-2:]) == ("-1", "-2")


def test_worker_of_another_directory_has_another_name(tmp_path: Path) -> None:
    with free_slot(tmp_path / "a", "messages") as one, free_slot(tmp_path / "b", "messages") as two:
        assert one != two


def test_killed_process_frees_its_name_for_the_next(tmp_path: Path) -> None:
    program = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        with free_slot(tmp_path, "messages") as other:
            assert other != name
        process.kill()
        process.wait()
    with free_slot(tmp_path, "messages") as again:
        assert again == name


def test_slot_files_are_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with free_slot(tmp_path / "data" / "faust", "messages"):
            made = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_file()} == {0o600}
