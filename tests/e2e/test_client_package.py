"""The Python client installed from its wheel in an empty virtual environment, against a real `caas up`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.packages import ROOT
from tests.e2e.up import Up, running

pytestmark = pytest.mark.slow

PROJECT = ROOT / "edge" / "sdk" / "python"
NEEDED = {"aiohttp", "msgspec"}
TALK = """
import asyncio, sys
from caas_client import Client, MessageNew

async def main(url, ann, bob):
    async with Client(url, ann) as writer, Client(url, bob) as reader:
        room = await writer.create(external_id="lunch", participants=["bob"])
        await writer.send(room.conversation_id, "Noodles at noon?")
        async for event in reader.events():
            if isinstance(event, MessageNew):
                print(event.message.sender, "says", event.message.text)
                return

asyncio.run(main(*sys.argv[1:]))
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the client and its dependencies."""

    python: Path
    packages: Path

    def installed(self) -> dict[str, str]:
        """Return every installed distribution with its version."""
        listed = pip("--python", str(self.python), "list", "--format", "json")
        return {found["name"].lower(): found["version"] for found in json.loads(listed)}

    def needs(self) -> set[str]:
        """Return the distributions that the client requires."""
        code = "import importlib.metadata as m; print(*m.requires('caas-client'))"
        words = subprocess.check_output([self.python, "-I", "-c", code], text=True).split()
        return {word.partition(">")[0].partition("<")[0] for word in words}


def pip(*arguments: str) -> str:
    """Run pip of this environment; return its output."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("installed")
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(PROJECT))
    (wheel,) = folder.glob("caas_client-*.whl")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    pip("--python", str(venv / "bin" / "python"), "install", "--quiet", str(wheel))
    (packages,) = venv.glob("lib/python*/site-packages")
    return Environment(venv / "bin" / "python", packages)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("up")) as found:
        yield found


def test_client_requires_only_aiohttp_and_msgspec(environment: Environment) -> None:
    assert environment.needs() == NEEDED
    assert {"caas-client", *NEEDED} <= environment.installed().keys()
    assert "caas" not in environment.installed()


def test_client_is_one_typed_package(environment: Environment) -> None:
    ours = {path.name for path in environment.packages.iterdir() if path.name.startswith("caas")}
    assert {name for name in ours if not name.endswith(".dist-info")} == {"caas_client"}
    assert (environment.packages / "caas_client" / "py.typed").is_file()
    assert not {"schemas", "core", "edge"} & {path.name for path in environment.packages.iterdir()}


def test_installed_client_sends_and_receives(environment: Environment, up: Up, tmp_path: Path) -> None:
    script = tmp_path / "talk.py"
    script.write_text(TALK)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [environment.python, script, up.socket_url, up.token("ann"), up.token("bob")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env=clean,
    )
    assert (done.returncode, done.stdout) == (0, "ann says Noodles at noon?\n"), done.stderr
