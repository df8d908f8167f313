"""`caas up` with a damaged file ends with one clear line, or continues with all its data; never with a traceback."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.topics import TOPICS
from streams.log.sqlite.log import SqliteLog
from tests import damaging
from tests.contracts.event_log import whole
from tests.e2e.line import Line, opened
from tests.e2e.processes import CAAS
from tests.e2e.recordings import SYNTHETIC
from tests.e2e.up import Up, running

pytestmark = pytest.mark.slow

MESSAGES = 400
TIMEOUT_S = 30
SETTINGS = {"CAAS_DRAIN_MS": "200", "CAAS_COMMANDS_PER_S": "100000", "CAAS_USER_COMMANDS_PER_S": "0"}
RESTORE = "restore it from a backup"
REBUILD = "it is made again from the log"


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a stopped system with messages."""
    directory = tmp_path_factory.mktemp("healthy")
    with running(directory, SETTINGS) as up:
        asyncio.run(talk(up))
    return up.data


@pytest.fixture
def data(healthy: Path, tmp_path: Path) -> Path:
    """A copy of the healthy directory."""
    return Path(shutil.copytree(healthy, tmp_path / "data"))


async def talk(up: Up) -> None:
    async with opened(up.socket_url, up.token("ann")) as ann:
        room = (await ann.done("conversation:create", {"participants": ["bob"]}))["conversation_id"]
        for start in range(0, MESSAGES, 50):
            await say(ann, room, range(start, start + 50))


async def say(line: Line, room: str, numbers: range) -> None:
    sends = [
        await line.begin("message:send", {"conversation_id": room, "client_msg_id": f"{n}", "text": f"word {n} " * 9})
        for n in numbers
    ]
    for answer in await asyncio.gather(*sends):
        assert answer["type"] == "ack"


def caas(verb: str, data: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(CAAS), verb, *more, "--data", str(data)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env={**os.environ, "CAAS_PORT": "0"},  # another system may be running
    )


def assert_refused(done: subprocess.CompletedProcess[str], verb: str, file: Path, advice: str) -> None:
    """Check that it ended with 1 and one line with the file and the advice."""
    said = [line for line in done.stderr.splitlines() if line.startswith("caas ")]
    assert done.returncode == 1, done.stderr
    assert len(said) == 1, done.stderr
    assert said[0].startswith(f"caas {verb}: {file} is damaged: ")
    assert advice in said[0]
    assert "Traceback" not in done.stderr


SPOILED = [damaging.halve, damaging.zero_page, damaging.break_header]


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda one: one.__name__)
@pytest.mark.parametrize(
    ("name", "advice"), [("log.sqlite", RESTORE), ("documents.sqlite", REBUILD), ("search.sqlite", REBUILD)]
)
def test_up_names_the_damaged_file_and_ends(data: Path, spoil: Callable[[Path], None], name: str, advice: str) -> None:
    spoil(data / name)
    assert_refused(caas("up", data, "--port", "0"), "up", data / name, advice)


def test_up_ends_on_a_changed_record(data: Path) -> None:
    damaging.flip_text(data / "log.sqlite", b"word %d word" % (MESSAGES - 1))
    done = caas("up", data, "--port", "0")
    assert_refused(done, "up", data / "log.sqlite", RESTORE)
    assert "message.sent/" in done.stderr
    assert "are not what was appended" in done.stderr


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("verify", "log.sqlite"),
        ("verify", "documents.sqlite"),
        ("transcript", "documents.sqlite"),
        ("rebuild messages", "log.sqlite"),
        ("rebuild search", "search.sqlite"),
        ("rollback messages", "documents.sqlite"),
    ],
)
def test_every_command_names_the_damaged_file(data: Path, words: str, name: str) -> None:
    damaging.break_header(data / name)
    verb, *more = words.split()
    advice = RESTORE if name == "log.sqlite" else REBUILD
    assert_refused(caas(verb, data, *more), verb, data / name, advice)


def test_play_names_the_damaged_file(data: Path) -> None:
    damaging.break_header(data / "log.sqlite")
    assert_refused(caas("play", data, str(SYNTHETIC)), "play", data / "log.sqlite", RESTORE)


def test_verify_finds_a_changed_old_record(data: Path) -> None:
    damaging.flip_text(data / "log.sqlite", b"word 7 word")
    done = caas("verify", data, "messages")
    assert_refused(done, "verify", data / "log.sqlite", RESTORE)


@pytest.mark.parametrize("verb", ["up", "verify", "transcript"])
def test_file_that_cannot_be_opened_is_named_in_one_line(data: Path, verb: str) -> None:
    (data / "log.sqlite").rename(data / "moved")
    (data / "log.sqlite").mkdir()
    done = caas(verb, data)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert f"caas {verb}: {data / 'log.sqlite'}: unable to open database file" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every file")
@pytest.mark.parametrize("mode", [0o000, 0o400])
@pytest.mark.parametrize("verb", ["up", "verify"])
def test_file_that_may_not_be_opened_is_named_in_one_line(data: Path, verb: str, mode: int) -> None:
    (data / "log.sqlite").chmod(mode)
    done = caas(verb, data)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert f"caas {verb}: {data / 'log.sqlite'}" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("verb", ["up", "verify"])
def test_directory_that_may_not_be_written_is_named_in_one_line(data: Path, verb: str) -> None:
    data.chmod(0o500)
    try:
        done = caas(verb, data)
    finally:
        data.chmod(0o700)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert f"caas {verb}: " in done.stderr
    assert str(data) in done.stderr


@pytest.fixture
def up(data: Path) -> Iterator[Up]:
    with running(data.parent, SETTINGS) as found:
        yield found


async def room_of(ann: Line) -> str:
    [room] = (await ann.done("conversation:list", {}))["conversations"]
    return str(room["conversation_id"])


async def test_verify_beside_a_running_system_names_its_damaged_log(up: Up) -> None:
    damaging.flip_text(up.data / "log.sqlite", b"word 7 word")
    done = await asyncio.to_thread(caas, "verify", up.data, "messages")
    assert_refused(done, "verify", up.data / "log.sqlite", RESTORE)


@pytest.mark.parametrize("name", ["documents.sqlite", "search.sqlite"])
async def test_damage_under_a_running_system_ends_it_with_one_line(up: Up, name: str) -> None:
    file = up.data / name
    assert up.process.running is not None
    async with opened(up.socket_url, up.token("ann")) as ann:
        room = await room_of(ann)
        damaging.overwrite(file, damaging.PAGE, bytes(file.stat().st_size - damaging.PAGE))
        await ann.begin("message:send", {"conversation_id": room, "client_msg_id": "one more", "text": "more"})
        await ann.begin("search:messages", {"text": "word"})
        assert await asyncio.to_thread(up.process.running.wait, TIMEOUT_S) == 1
    said = up.process.log.read_text()
    assert said.count(f"caas up: {file} is damaged: ") == 1
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["log.sqlite", "documents.sqlite"])
async def test_file_replaced_under_an_idle_system_ends_it(up: Up, healthy: Path, name: str) -> None:
    file = up.data / name
    assert up.process.running is not None
    for suffix in ("", "-wal", "-shm"):
        (up.data / f"{name}{suffix}").unlink(missing_ok=True)
    shutil.copy(healthy / name, file)
    assert await asyncio.to_thread(up.process.running.wait, TIMEOUT_S) == 1
    said = up.process.log.read_text()
    assert said.count(f"caas up: {file} is damaged: it was replaced or deleted while it was open") == 1
    assert "Traceback" not in said


async def test_verify_reports_a_restored_log_beside_a_running_system(up: Up, tmp_path: Path) -> None:
    older = Path(shutil.copy(up.data / "log.sqlite", tmp_path))
    async with opened(up.socket_url, up.token("ann")) as ann:
        await say(ann, await room_of(ann), range(MESSAGES, MESSAGES + 50))
    await asyncio.to_thread(caas, "transcript", up.data)  # which waits until the read models have them
    assert up.process.running is not None
    up.process.running.send_signal(signal.SIGSTOP)  # else it would end before
    for suffix in ("", "-wal", "-shm"):
        (up.data / f"log.sqlite{suffix}").unlink(missing_ok=True)
    older.rename(up.data / "log.sqlite")
    done = await asyncio.to_thread(caas, "verify", up.data, "messages")
    up.process.running.send_signal(signal.SIGCONT)
    assert done.returncode == 1
    assert "the log is older than the read model messages" in done.stderr
    assert "Traceback" not in done.stderr


def test_deleted_read_models_are_rebuilt_from_the_log(data: Path) -> None:
    damaging.break_header(data / "documents.sqlite")
    assert_refused(caas("up", data, "--port", "0"), "up", data / "documents.sqlite", REBUILD)
    for suffix in ("", "-wal", "-shm"):
        (data / f"documents.sqlite{suffix}").unlink(missing_ok=True)
    assert len(caas("transcript", data).stdout.splitlines()) == MESSAGES
    assert caas("verify", data).returncode == 0


# After kill -9


async def test_log_of_a_killed_system_with_a_damaged_wal_is_shorter_and_complete(up: Up, tmp_path: Path) -> None:
    await talk(up)
    up.process.kill()
    wal = up.data / "log.sqlite-wal"
    flipped, halved = (Path(shutil.copytree(up.data, tmp_path / name)) for name in ("flipped", "halved"))
    assert wal.stat().st_size > 0
    damaging.flip(flipped / wal.name, wal.stat().st_size // 2, 64)
    damaging.halve(halved / wal.name)
    for where in (flipped, halved):
        log = SqliteLog(where / "log.sqlite")
        await log.start()
        places = [at for topic in TOPICS.values() for at in topic.all_partitions()]
        ends = await log.end_offsets(places)
        found = await whole(log, dict.fromkeys(places, 0), ends)
        assert len(found) == sum(ends.values()) > MESSAGES
        await log.stop()
