"""An embedded system with an older log refuses to start and says what to do; it never has a silent gap."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.line import opened
from tests.e2e.processes import CAAS
from tests.e2e.up import Up, running

pytestmark = pytest.mark.slow

QUICK_S = 20
"""A refusal is far faster than any timeout of a wait."""


def caas(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(CAAS), *arguments, "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=QUICK_S, check=False)


async def say(up: Up, first: int, last: int) -> str:
    """Send messages of these numbers, each accepted and delivered; return their conversation."""
    async with opened(up.socket_url, up.token("ann")) as ann, opened(up.socket_url, up.token("bob")) as bob:
        made = await ann.done("conversation:create", {"external_id": "lunch", "participants": ["bob"]})
        here = {"conversation_id": made["conversation_id"]}
        for n in range(first, last + 1):
            await ann.done("message:send", {**here, "client_msg_id": f"{n}", "text": f"{n}"})
        await bob.push("message:new", text=f"{last}")
        return str(made["conversation_id"])


def talked(directory: Path, first: int, last: int) -> tuple[Path, str]:
    with running(directory, {"CAAS_DRAIN_MS": "100"}, name=f"up-{first}") as up:
        return up.data, asyncio.run(say(up, first, last))


@pytest.fixture(scope="module")
def young(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The directory of a stopped system with messages 1 to 50, and their conversation."""
    return talked(tmp_path_factory.mktemp("young"), 1, 50)


@pytest.fixture(scope="module")
def grown(young: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same directory after messages 51 to 100."""
    directory = tmp_path_factory.mktemp("grown")
    shutil.copytree(young[0], directory / "data")
    return talked(directory, 51, 100)[0]


@pytest.fixture
def data(grown: Path, tmp_path: Path) -> Path:
    """A copy of the grown directory."""
    return Path(shutil.copytree(grown, tmp_path / "data"))


def older(data: Path, young: Path) -> None:
    gone(data, young)
    shutil.copy(young / "log.sqlite", data)


def gone(data: Path, young: Path) -> None:
    for file in data.glob("log.sqlite*"):
        file.unlink()


def cut(data: Path, young: Path) -> None:
    with closing(sqlite3.connect(data / "log.sqlite", isolation_level=None)) as log:
        log.execute("DELETE FROM batches WHERE topic = 'message.sent' AND id > (SELECT max(id) - 60 FROM batches)")


def diverged(data: Path, young: Path) -> None:
    """Restore the log, and let another system append to it until it is longer."""
    other = data.parent / "other" / "data"
    other.mkdir(parents=True)
    shutil.copy(young / "log.sqlite", other)
    talked(other.parent, 101, 220)
    older(data, other)


@pytest.mark.parametrize("go_back", [older, gone, cut, diverged])
def test_older_log_is_refused_and_can_be_adopted(
    data: Path, young: tuple[Path, str], go_back: Callable[[Path, Path], None]
) -> None:
    go_back(data, young[0])
    for verb in ("up --port 0", "verify", "transcript", "rebuild messages", "rollback messages", "token ann"):
        refused = caas(data, *verb.split())
        assert refused.returncode == 1, refused
        said = [line for line in refused.stderr.splitlines() if line.startswith(f"caas {verb.split()[0]}: ")]
        assert len(said) == 1 and "caas log adopt" in said[0], refused.stderr
        assert "Traceback" not in refused.stderr
    named = caas(data, "log", "adopt", "--json")
    assert named.returncode == 3
    [lost] = json.loads(named.stdout)["survey"]["lost"]
    assert (lost["conversation_id"], lost["last_seq"]) == (young[1], 100)
    assert caas(data, "up", "--port", "0").returncode == 1, "a survey changes nothing"
    assert caas(data, "log", "adopt", "--yes").returncode == 0
    assert caas(data, "log", "adopt").returncode == 0, "now the log matches"
    with running(data.parent, name="up-again") as up:
        asyncio.run(say(up, 1001, 1010))
        equal = caas(data, "verify")
        assert equal.returncode == 0, equal
        asked = ("audit", "query", "--purpose", "case 4711", "--action", "operator:log_adopt", "--json")
        [adopted] = [json.loads(line)["record"] for line in caas(data, *asked).stdout.splitlines()]
        assert (adopted["actor"]["type"], adopted["entity"]["type"], adopted["outcome"]) == (
            "operator",
            "log",
            "success",
        )


def test_log_is_not_adopted_under_a_running_system(tmp_path: Path) -> None:
    with running(tmp_path, name="up-again") as up:
        refused = caas(up.data, "log", "adopt", "--yes")
    assert refused.returncode == 1
    assert "stop it first" in refused.stderr


def test_stores_older_than_the_log_catch_up(data: Path, young: tuple[Path, str]) -> None:
    for file in data.glob("documents.sqlite*"):
        file.unlink()
    shutil.copy(young[0] / "documents.sqlite", data)
    with running(data.parent, name="up-again") as up:
        assert caas(data, "verify").returncode == 0
        room = asyncio.run(say(up, 101, 110))
        assert asyncio.run(_seqs(up, room)) == list(range(1, 111))


def test_deleted_store_is_rebuilt_from_the_log(data: Path) -> None:
    for file in (*data.glob("documents.sqlite*"), *data.glob("search.sqlite*")):
        file.unlink()
    with running(data.parent, name="up-again") as up:
        room = asyncio.run(say(up, 101, 110))
        assert asyncio.run(_seqs(up, room)) == list(range(1, 111))
        assert caas(data, "verify").returncode == 0


async def _seqs(up: Up, room: str) -> list[int]:
    async with opened(up.socket_url, up.token("bob")) as bob:
        page = await bob.done("message:history", {"conversation_id": room, "limit": 200})
        return sorted(message["seq"] for message in page["messages"])
