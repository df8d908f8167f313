"""Tests which error a damaged, locked or missing file raises, and where it is reported."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.damage import Damage
from core.ports.documents import Table, TableGeneration
from core.ports.event_log import DataDamaged, Unavailable
from projections.search.fts import FtsIndex
from projections.stores.sqlite import SqliteDocuments
from projections.stores.sqlite_thread import Broken, SqliteThread
from tests import damaging


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Create a file of some hundred pages."""
    path = tmp_path / "some.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT)")
    connection.executemany("INSERT INTO words (word) VALUES (?)", [[f"word {n} " * 20] for n in range(3000)])
    connection.commit()
    connection.close()
    return path


DAMAGES = [damaging.halve, damaging.zero_page, damaging.break_header]


@pytest.mark.parametrize("make_damage", DAMAGES, ids=lambda one: one.__name__)
async def test_start_names_the_damaged_file(path: Path, make_damage: Callable[[Path], None]) -> None:
    make_damage(path)
    damage = Damage()
    thread = SqliteThread(path, "some", damage=damage)
    with pytest.raises(DataDamaged, match=f"^{path} is damaged: .*; stop the system, move the file away"):
        await thread.start()
    with pytest.raises(DataDamaged):
        await damage.found()


async def test_damaged_schema_is_named(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_master SET sql = 'CREATE nothing'")
    connection.close()
    with pytest.raises(DataDamaged, match="malformed database schema"):
        await SqliteThread(path, "some").start()


async def test_damage_found_after_the_start_is_reported(path: Path) -> None:
    damage = Damage()
    reader = SqliteThread(path, "some", read_only=True, damage=damage)
    await reader.start()
    damaging.overwrite(path, damaging.PAGE, bytes(path.stat().st_size - damaging.PAGE))
    with pytest.raises(DataDamaged, match="malformed"):
        await reader.run(lambda connection: connection.execute("SELECT max(word) FROM words").fetchone())
    with pytest.raises(DataDamaged):
        await damage.found()
    await reader.stop()


async def test_data_that_cannot_be_decoded_is_damage(path: Path) -> None:
    thread = SqliteThread(path, "some")
    await thread.start("UPDATE words SET word = CAST(x'ff00' AS TEXT) WHERE id = 7")
    with pytest.raises(DataDamaged, match="Could not decode to UTF-8"):
        await thread.run(lambda connection: connection.execute("SELECT word FROM words WHERE id = 7").fetchone())
    await thread.stop()


async def test_broken_raised_by_the_work_is_damage(path: Path) -> None:
    def work(_: sqlite3.Connection) -> None:
        raise Broken("nothing\nfits")

    thread = SqliteThread(path, "some")
    await thread.start()
    with pytest.raises(DataDamaged, match="is damaged: nothing fits; stop"):
        await thread.run(work)
    await thread.stop()


async def test_temporary_error_is_unavailable(path: Path) -> None:
    thread = SqliteThread(path, "some")
    await thread.start()
    with pytest.raises(Unavailable, match="no such table"):
        await thread.run(lambda connection: connection.execute("SELECT * FROM numbers"))
    assert await thread.run(lambda connection: connection.execute("SELECT count(*) FROM words").fetchone()) == (3000,)
    await thread.stop()


async def test_file_is_opened_if_its_check_times_out(path: Path) -> None:
    thread = SqliteThread(path, "some", check_s=1e-9)
    await thread.start()
    assert await thread.run(lambda connection: connection.execute("SELECT count(*) FROM words").fetchone()) == (3000,)
    await thread.stop()


def current_thread(_: sqlite3.Connection) -> threading.Thread:
    return threading.current_thread()


async def test_small_work_of_a_shared_connection_runs_on_the_callers_thread(path: Path) -> None:
    thread = SqliteThread(path, "some", shared=True)
    await thread.start()
    assert await thread.run(current_thread, small=True) is threading.current_thread()
    assert await thread.run(current_thread) is not threading.current_thread()
    await thread.stop()
    alone = SqliteThread(path, "some")
    await alone.start()
    assert await alone.run(current_thread, small=True) is not threading.current_thread()
    await alone.stop()


async def test_small_work_waits_for_work_whose_caller_was_cancelled(path: Path) -> None:
    thread, begun, go_on, done = SqliteThread(path, "some", shared=True), threading.Event(), threading.Event(), []
    await thread.start()

    def slow(_: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(10)
        done.append("slow")

    first = asyncio.create_task(thread.run(slow))
    await asyncio.to_thread(begun.wait, 10)
    first.cancel()
    await asyncio.wait([first])
    second = asyncio.create_task(thread.run(lambda _: done.append("small"), small=True))
    await asyncio.sleep(0)
    go_on.set()
    await second
    assert done == ["slow", "small"]
    await thread.stop()


async def test_small_work_waits_on_the_thread_while_another_process_writes(path: Path) -> None:
    thread = SqliteThread(path, "some", shared=True)
    await thread.start()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    def write(connection: sqlite3.Connection) -> threading.Thread:
        connection.execute("DELETE FROM words WHERE id = 7")
        return threading.current_thread()

    writing = asyncio.create_task(thread.run(write, small=True))
    await asyncio.wait([writing], timeout=0.05)
    assert not writing.done()
    other.execute("COMMIT")
    assert await writing is not threading.current_thread()
    other.close()
    await thread.stop()


async def test_lock_that_lasts_is_unavailable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.stores.sqlite_thread.BUSY_TIMEOUT_S", 0.05)
    thread = SqliteThread(path, "some", shared=True)
    await thread.start()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        await thread.run(lambda connection: connection.execute("DELETE FROM words"), small=True)
    other.execute("COMMIT")
    other.close()
    await thread.run(lambda connection: connection.execute("DELETE FROM words"), small=True)
    await thread.stop()


async def test_documents_report_an_unreadable_row(tmp_path: Path) -> None:
    documents, place = SqliteDocuments(tmp_path / "documents.sqlite"), TableGeneration(Table("some", "rows"), 1)
    await documents.start([])
    await documents.prepare([place])
    connection = sqlite3.connect(tmp_path / "documents.sqlite", isolation_level=None)
    connection.execute("INSERT INTO 'some/rows/1' (id, doc) VALUES ('a', '{no')")
    connection.close()
    with pytest.raises(DataDamaged, match=r"documents\.sqlite is damaged: JSON is malformed"):
        await documents.get(place, ["a"])
    await documents.stop()


async def test_search_index_reports_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "search.sqlite").write_bytes(b"nothing at all " * 1000)
    with pytest.raises(DataDamaged, match=r"search\.sqlite is damaged: file is not a database"):
        await FtsIndex(tmp_path / "search.sqlite").start()
