"""`caas verify` and `caas transcript` print what they wait for, and end when it does not arrive."""

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from core.health import Health
from core.settings import Settings
from edge.cli import progress
from edge.composition import compose
from edge.composition.compose import Adapters
from edge.composition.running import caught_up, one_plain
from edge.process.background import background
from projections.generations import read_pointer, replace_pointer
from streams.processors.messages import Messages
from streams.runtime import lag
from tests.edge.cli.conftest import Caas
from tests.streams.world import said

ROOM = "6f1d1f8a-0000-5000-8000-000000000001"
STILL = "stands still 3 records behind the log: does its worker run?"


async def say(system: Adapters, count: int) -> None:
    await asyncio.gather(*(system.log.append(said(ROOM, n, f"hello {n}")) for n in range(count)))


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the wait for a read model that makes no progress."""
    monkeypatch.setattr(lag, "STALLED_AFTER_S", 0.4)
    monkeypatch.setattr(progress, "FIRST_DELAY_S", 0.1)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("verb", [("verify", "messages"), ("transcript",)])
async def test_verbs_beside_a_system_without_workers_end_with_one_line(
    caas: Caas, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    async with compose.opened(compose.embedded(Settings(data=str(tmp_path)))) as system:
        await say(system, 3)
        ended = await asyncio.to_thread(caas, *verb, "--data", str(tmp_path))
    assert (ended.status, ended.out) == (1, "messages: not verified\n" if verb[0] == "verify" else "")
    assert ended.err.splitlines() == [
        f"{verb[0]}: waits for messages, 3 records behind the log",
        f"caas {verb[0]}: messages {STILL} `caas worker messages`",
    ]


async def beside_workers(caas: Caas, data: Path, workers: Sequence[str], *arguments: str) -> tuple[int, str, str]:
    """Return status, output and errors of `caas verify` beside a system in which these processors run."""
    settings, health = Settings(data=str(data)), Health()
    async with compose.opened(compose.embedded(settings)) as system:
        services = [(name, one_plain(name, system, settings, health)) for name in workers]
        async with background(*services):
            await say(system, 3)
            await caught_up(system, workers, health)
            ended = await asyncio.to_thread(caas, "verify", *arguments, "--data", str(data))
    return ended.status, ended.out, ended.err


@pytest.mark.usefixtures("soon")
async def test_models_are_verified_although_another_cannot_be(caas: Caas, tmp_path: Path) -> None:
    names = ("inbox", "search", "messages", "conversations")
    status, out, err = await beside_workers(caas, tmp_path, ("messages", "conversations", "inbox"), *names)
    assert status == 1
    assert out.splitlines() == ["inbox: equal", "search: not verified", "messages: equal", "conversations: equal"]
    assert [line for line in err.splitlines() if line.startswith("caas")] == [
        f"caas verify: search {STILL} `caas worker search`"
    ]


@pytest.mark.usefixtures("soon")
async def test_json_has_models_that_could_not_be_verified_and_reasons(caas: Caas, tmp_path: Path) -> None:
    status, out, _ = await beside_workers(caas, tmp_path, ("messages",), "messages", "search", "--json")
    assert (status, json.loads(out)) == (
        1,
        {"messages": [], "not_verified": {"search": f"search {STILL} `caas worker search`"}},
    )


def change_rows(data: Path, statement: str) -> None:
    """Change rows by hand while the system is stopped."""
    with closing(sqlite3.connect(data / "documents.sqlite")) as file, file:
        file.execute(statement)


async def worked(data: Path, count: int) -> None:
    settings, health = Settings(data=str(data)), Health()
    async with compose.opened(compose.embedded(settings)) as system:
        await say(system, count)
        services = [(name, one_plain(name, system, settings, health)) for name in compose.PROCESSORS]
        async with background(*services):
            await caught_up(system, compose.PROCESSORS, health)


async def test_differing_rows_are_counted_and_the_first_are_named(caas: Caas, tmp_path: Path) -> None:
    await worked(tmp_path, 130)
    change_rows(tmp_path, 'DELETE FROM "messages/messages/1" WHERE number BETWEEN 2 AND 121')
    ended = await asyncio.to_thread(caas, "verify", "messages", "search", "--data", str(tmp_path))
    assert (ended.status, ended.err) == (3, "")
    lines = ended.out.splitlines()
    assert (lines[0], len(lines), lines[-1]) == (
        "messages: 120 rows differ, the first 100:",
        102,
        "search: equal",
    )
    ended = await asyncio.to_thread(caas, "verify", "messages", "search", "--json", "--data", str(tmp_path))
    found = json.loads(ended.out)
    assert (ended.status, found["differing"], len(found["messages"]), found["search"]) == (
        3,
        {"messages": 120},
        100,
        [],
    )


@pytest.mark.usefixtures("soon")
async def test_differing_rows_are_reported_although_another_model_cannot_be_verified(
    caas: Caas, tmp_path: Path
) -> None:
    await worked(tmp_path, 3)
    change_rows(tmp_path, 'DELETE FROM "messages/messages/1" WHERE number = 2')
    settings, health = Settings(data=str(tmp_path)), Health()
    async with (
        compose.opened(compose.embedded(settings)) as system,
        background(("messages", one_plain("messages", system, settings, health))),
    ):
        await asyncio.gather(*(system.log.append(said(ROOM, n, "more")) for n in range(3, 6)))
        await caught_up(system, ("messages",), health)
        ended = await asyncio.to_thread(caas, "verify", "messages", "search", "--data", str(tmp_path))
    assert ended.status == 3
    assert ended.out.splitlines()[-1] == "search: not verified"
    assert "messages: 1 row differs\n" in ended.out and STILL in ended.err


async def test_model_with_lost_rows_is_named_and_the_others_are_verified(caas: Caas, tmp_path: Path) -> None:
    await worked(tmp_path, 3)
    change_rows(tmp_path, 'DELETE FROM "messages/messages/1"')
    ended = await asyncio.to_thread(caas, "verify", "messages", "search", "--data", str(tmp_path))
    assert (ended.status, ended.out) == (1, "messages: not verified\nsearch: equal\n")
    assert "caas verify: the rows of table messages of the read model messages (generation 1) are gone" in ended.err


# the search index


async def test_rows_of_another_processor_version_are_not_compared(caas: Caas, tmp_path: Path) -> None:
    await worked(tmp_path, 3)
    async with compose.opened(compose.embedded(Settings(data=str(tmp_path)))) as system:
        found = await read_pointer(system.documents, "messages")
        made = msgspec.structs.replace(found, version=Messages.version - 1)
        assert await replace_pointer(system.documents, "messages", made, found)
    ended = await asyncio.to_thread(caas, "verify", "messages", "inbox", "--data", str(tmp_path))
    assert (ended.status, ended.out.splitlines()) == (1, ["messages: not verified", "inbox: equal"])
    assert f"generation 1 was made by version {Messages.version - 1} of the processor" in ended.err
    assert "`caas rebuild messages`" in ended.err


def change_index(data: Path, statement: str) -> None:
    with closing(sqlite3.connect(data / "search.sqlite")) as file, file:
        file.execute(statement)


async def test_missing_or_changed_index_entry_is_named(caas: Caas, tmp_path: Path) -> None:
    await worked(tmp_path, 10)
    nth = "number = (SELECT number FROM entries2_1 ORDER BY number LIMIT 1 OFFSET {})".format
    change_index(tmp_path, f"UPDATE texts2_1 SET text = '\"something else\"' WHERE {nth(4)}")
    change_index(tmp_path, f"DELETE FROM texts2_1 WHERE {nth(6)}")
    change_index(tmp_path, f"UPDATE entries2_1 SET conversation_id = 'another' WHERE {nth(8)}")
    change_index(tmp_path, f"DELETE FROM entries2_1 WHERE {nth(2)}")
    ended = await asyncio.to_thread(caas, "verify", "search", "--json", "--data", str(tmp_path))
    found = json.loads(ended.out)
    assert (ended.status, found["differing"]) == (3, {"search": 4})
    assert {one["table"] for one in found["search"]} == {"index"}
    assert sorted(one["what"] for one in found["search"]) == ["conversation_id", "entry", "entry", "row"]
    rebuilt = await asyncio.to_thread(caas, "rebuild", "search", "--data", str(tmp_path))
    assert rebuilt.status == 0, rebuilt.err
    assert (await asyncio.to_thread(caas, "verify", "search", "--data", str(tmp_path))).out == "search: equal\n"


@pytest.mark.parametrize("how", ["deleted", "older"])
async def test_index_lost_while_the_system_was_stopped_is_filled_by_verify(
    caas: Caas, tmp_path: Path, how: str
) -> None:
    await worked(tmp_path, 3)
    path = tmp_path / "search.sqlite"
    older = path.read_bytes()
    await worked(tmp_path, 10)
    if how == "deleted":
        path.unlink()
    else:
        path.write_bytes(older)
    ended = await asyncio.to_thread(caas, "verify", "search", "--data", str(tmp_path))
    assert (ended.status, ended.out) == (0, "search: equal\n")


@pytest.mark.usefixtures("soon")
async def test_index_that_is_never_filled_is_reported(caas: Caas, tmp_path: Path) -> None:
    await worked(tmp_path, 3)
    async with compose.opened(compose.embedded(Settings(data=str(tmp_path)))) as system:
        await system.index.drop(1)
        ended = await asyncio.to_thread(caas, "verify", "search", "--data", str(tmp_path))
    assert (ended.status, ended.out) == (1, "search: not verified\n")
    assert "the index of generation 1 is missing or not complete, and has not been filled" in ended.err


@pytest.mark.usefixtures("soon")
async def test_lost_table_is_named_although_its_model_is_behind(caas: Caas, tmp_path: Path) -> None:
    await worked(tmp_path, 3)
    async with compose.opened(compose.embedded(Settings(data=str(tmp_path)))) as system:
        await say(system, 3)
    change_rows(tmp_path, 'DELETE FROM "messages/messages/1"')
    status, out, err = await beside_workers(caas, tmp_path, ("inbox",), "messages")
    assert (status, out.splitlines()) == (1, ["messages: not verified"])
    assert "`caas rebuild messages --replace REASON`" in err and "stands still" not in err
