"""The instructions of README.md for newcomers work as written."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import cli
from tests.e2e.processes import CAAS
from tests.e2e.up import Up, running

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PORT = "127.0.0.1:3000"
"""The address of `make up`; replaced here by that of a free port."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A newcomer's directory with `.venv`, and `caas up` running there."""
    directory = tmp_path_factory.mktemp("newcomer")
    (directory / ".venv").symlink_to(CAAS.parents[1])
    with running(directory, data=".caas/data") as found:
        yield found


def block(language: str, after: str) -> str:
    """Return the first block in this language after these words."""
    found = re.compile(rf"```{language}\n(.*?)```", re.DOTALL).search(README, README.index(after))
    assert found is not None
    return found[1]


def test_first_chat_works_as_written_twice(up: Up) -> None:
    home = up.data.parents[1]
    script = block("python", "## A first chat in five minutes")
    assert f"ws://{PORT}/socket" in script
    (home / "chat.py").write_text(script.replace(PORT, up.url.removeprefix("http://")))
    command = block("sh", "second terminal").split()
    assert command == [".venv/bin/python", "chat.py"]
    for _ in range(2):
        done = subprocess.run(
            command, cwd=home, capture_output=True, text=True, timeout=60, check=False, env={"PATH": os.environ["PATH"]}
        )
        assert (done.returncode, done.stderr) == (0, "")
        accepted, says = done.stdout.splitlines()
        assert accepted.startswith("accepted: MessageAccepted(message_id='")
        assert says == "ann says Noodles at noon?"


def test_two_commands_are_targets_of_the_makefile() -> None:
    rules = (ROOT / "Makefile").read_text()
    commands = re.findall(r"^make ([a-z-]+)", block("sh", "## Two commands"), re.MULTILINE)
    assert commands == ["up", "test"]
    assert all(re.search(rf"^{name}:", rules, re.MULTILINE) for name in commands)
    assert re.search(r"^up: install.*\n\t\$\(BIN\)/caas up$", rules, re.MULTILINE)


def test_named_verbs_exist() -> None:
    named = set(re.findall(r"(?:\.venv/bin/|`|\()caas ([a-z]+)", README))
    said = cli.parser().format_help()
    assert named
    assert {verb for verb in named if not re.search(rf"^    {verb}\b", said, re.MULTILINE)} == set()
