"""A worker has a name that no living one has, and one that is started again has the name that it had."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from streams.log.kafka.static_members import free_slot

HOLDS = """
import sys
from pathlib import Path
from streams.log.kafka.static_members import free_slot

with free_slot(Path(sys.argv[1]), "messages") as name:
    print(name, flush=True)
    sys.stdin.read()
"""


def test_workers_that_live_together_have_different_names_and_each_processor_its_own(tmp_path: Path) -> None:
    with free_slot(tmp_path, "messages") as one, free_slot(tmp_path, "messages") as two:
        with free_slot(tmp_path, "inbox") as other:
            assert len({one, two, other}) == 3
        assert (one[-2:], two[-2:]) == ("-1", "-2")


def test_a_worker_of_another_directory_has_another_name(tmp_path: Path) -> None:
    with free_slot(tmp_path / "a", "messages") as one, free_slot(tmp_path / "b", "messages") as two:
        assert one != two


def test_a_process_that_is_killed_gives_its_name_to_the_one_that_follows(tmp_path: Path) -> None:
    program = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        with free_slot(tmp_path, "messages") as other:
            assert other != name
        process.kill()
        process.wait()
    with free_slot(tmp_path, "messages") as again:
        assert again == name


def test_what_is_kept_for_it_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with free_slot(tmp_path / "data" / "faust", "messages"):
            made = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_file()} == {0o600}
