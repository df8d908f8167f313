import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from core.ports.documents import Changes, Checkpoint, Fingerprint, Index, Table, TableGeneration
from core.ports.event_log import Unavailable
from projections.stores.sqlite import SqliteDocuments
from projections.stores.sqlite_table import SqliteTable
from schemas.topics import MESSAGE_SENT, Partition
from tests.contracts.document_losses import Lose
from tests.contracts.documents import ROWS, TABLES, DocumentsContract, rows, seen, sent, write
from tests.eventually import eventually

PLACE = TableGeneration(ROWS, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "documents.db"


@pytest.fixture
async def documents(path: Path) -> AsyncIterator[SqliteDocuments]:
    documents = SqliteDocuments(path)
    await documents.start(TABLES)
    yield documents
    await documents.stop()


class TestSqliteDocuments(DocumentsContract):
    @pytest.fixture(params=["DROP TABLE", "DELETE FROM"])
    def lose(self, path: Path, request: pytest.FixtureRequest) -> Lose:
        async def lose(place: TableGeneration) -> None:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute(f"{request.param} {SqliteTable(place).name}")

        return lose


async def test_file_of_a_version_without_digests_is_read_and_written(path: Path) -> None:
    path.parent.mkdir()
    at = Partition(MESSAGE_SENT, 0)
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("PRAGMA journal_mode = WAL")
        old.execute(
            """CREATE TABLE checkpoints (processor TEXT, generation INTEGER, topic TEXT, partition INTEGER,
            position INTEGER, PRIMARY KEY (processor, generation, topic, partition)) WITHOUT ROWID"""
        )
        old.execute("CREATE TABLE pointers (name TEXT PRIMARY KEY, doc TEXT) WITHOUT ROWID")
        old.execute("INSERT INTO checkpoints VALUES ('messages', 1, 'message.sent', 0, 7)")
    reader = SqliteDocuments(path, read_only=True)
    await reader.start(TABLES)
    assert await reader.fingerprints("messages", 1) == {}
    documents = SqliteDocuments(path)
    await documents.start(TABLES)
    await documents.save(Changes([], [], Checkpoint("messages", 1, {at: 8}, {at: "eight"})))
    assert await reader.checkpoints("messages", 1) == {at: 8}
    assert await reader.fingerprints("messages", 1) == {at: Fingerprint(8, "eight")}
    await reader.stop()
    await documents.stop()


async def test_saved_rows_exist_after_a_restart(documents: SqliteDocuments, path: Path) -> None:
    await documents.save(rows(PLACE, sent("a", 1)))
    await documents.stop()
    again = SqliteDocuments(path)
    await again.start(TABLES)
    assert seen(await again.find(PLACE, "by_n", ["c"])) == ["a"]
    assert await again.save(rows(PLACE, sent("a", 1), sent("b", 2))) == frozenset({"b"})
    await again.stop()


async def test_failed_batch_leaves_nothing(documents: SqliteDocuments) -> None:
    await documents.prepare([PLACE])
    unwritable = write("b", {"sent": {"pos": 1, "what": object()}})
    with pytest.raises(TypeError):
        await documents.save(Changes([(PLACE, [sent("a", 1)])], [(PLACE, [unwritable])]))
    assert await documents.scan(PLACE) == []
    assert await documents.save(rows(PLACE, sent("a", 1))) == frozenset({"a"})


async def test_cancelled_save_is_saved_whole_or_not_at_all(documents: SqliteDocuments) -> None:
    await documents.prepare([PLACE])
    saving = asyncio.create_task(documents.save(rows(PLACE, *(sent(f"r{n}", n) for n in range(1, 500)))))
    await asyncio.sleep(0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    await documents.save(rows(PLACE, sent("after", 1)))
    assert len(await documents.scan(PLACE)) in {1, 500}


async def test_stopped_store_is_unavailable(documents: SqliteDocuments) -> None:
    await documents.stop()
    with pytest.raises(Unavailable):
        await documents.get(PLACE, ["a"])
    with pytest.raises(Unavailable):
        await documents.save(rows(PLACE, sent("a", 1)))


async def test_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    documents = SqliteDocuments(tmp_path / "a folder")
    with pytest.raises(Unavailable):
        await documents.start(TABLES)
    await documents.stop()


async def test_reader_opened_first_waits_for_the_file_and_sees_every_save(path: Path) -> None:
    reader, writer = SqliteDocuments(path, read_only=True), SqliteDocuments(path)
    starting = asyncio.create_task(reader.start(TABLES))
    await writer.start(TABLES)
    await writer.save(rows(PLACE, sent("a", 1)))
    await starting
    assert seen(await reader.scan(PLACE)) == ["a"]
    await writer.save(rows(PLACE, sent("b", 2)))
    assert seen(await reader.find(PLACE, "by_n", ["c"])) == ["a", "b"]
    with pytest.raises(Unavailable):
        await reader.save(rows(PLACE, sent("c", 3)))
    await reader.stop()
    await writer.stop()


CHILD = """
import asyncio, sys
from pathlib import Path
from projections.stores.sqlite import SqliteDocuments
from tests.contracts.documents import TABLES, ROWS, rows, sent
from core.ports.documents import TableGeneration

async def main():
    documents = SqliteDocuments(Path(sys.argv[1]))
    await documents.start(TABLES)
    n = 0
    while True:
        n += 1
        await documents.save(rows(TableGeneration(ROWS, 1), *(sent(f"{n:06}-{i}", n) for i in range(20))))
        print(n, flush=True)

asyncio.run(main())
"""


@pytest.mark.kills
async def test_every_completed_save_of_a_killed_process_is_stored_whole(path: Path) -> None:
    root = Path(__file__).parents[3]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(path), cwd=root, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    saved = 0
    while saved < 30:
        saved = int(await child.stdout.readline())
    beside = SqliteDocuments(path, read_only=True)
    await beside.start(TABLES)
    assert len(await beside.find(PLACE, "by_n", ["c"], high=saved + 1, limit=10_000)) == 20 * saved
    child.kill()
    *_, last = (b"%d\n" % saved + await child.stdout.read()).split()
    await child.wait()
    await beside.stop()
    again = SqliteDocuments(path)
    await again.start(TABLES)
    stored = len(await again.find(PLACE, "by_n", ["c"], limit=100_000))
    assert stored in {20 * int(last), 20 * int(last) + 20}
    await again.stop()


async def test_index_declared_later_finds_rows_saved_before(documents: SqliteDocuments, path: Path) -> None:
    before = TableGeneration(Table("m", "t"), 1)
    after = TableGeneration(Table("m", "t", (Index("by_e", ("conversation_id",), "edited.n"),)), 1)
    await documents.save(rows(before, write("a", {"edited": {"pos": 1, "n": 7}}, conversation_id="c")))
    await documents.stop()
    newer = SqliteDocuments(path)
    await newer.start([after.table])
    await newer.prepare([after])
    assert seen(await newer.find(after, "by_e", ["c"], low=7)) == ["a"]
    await newer.stop()


async def test_declared_indexes_are_used_and_nothing_is_sorted(documents: SqliteDocuments, path: Path) -> None:
    await documents.prepare([PLACE])
    plans: list[str] = []
    connection = sqlite3.connect(path)
    connection.set_trace_callback(plans.append)
    table = SqliteTable(PLACE)
    table.find(connection, "by_n", ["c"], low=1, high=5, after=None, limit=10, reverse=True)
    table.find(connection, "by_edit", ["c"], low=None, high=None, after=None, limit=10, reverse=False)
    table.find(connection, "by_two", ["c", "a"], low=1, high=None, after=None, limit=10, reverse=False)
    table.find(connection, "by_sender", ["a"], low=None, high=None, after="x", limit=10, reverse=False)
    table.find(connection, "by_root", ["c", "r"], low=1, high=9, after=None, limit=10, reverse=False)
    table.find(connection, "by_tag", ["x"], low=None, high=None, after="x", limit=10, reverse=False)
    connection.set_trace_callback(None)
    plans = [plan for plan in plans if "INDEXED BY" in plan]  # a query without rows also reads the marker
    for statement, index in zip(plans, ("by_n", "by_edit", "by_two", "by_sender", "by_root", "by_tag"), strict=True):
        plan = " ".join(line[3] for line in connection.execute(f"EXPLAIN QUERY PLAN {statement}"))
        assert f"contract/rows/1/{index} " in plan
        assert "TEMP B-TREE" not in plan
    connection.close()


async def test_readers_do_not_wait_for_a_writer(documents: SqliteDocuments, path: Path) -> None:
    await documents.save(rows(PLACE, sent("a", 1)))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    saving = asyncio.create_task(documents.save(rows(PLACE, sent("b", 2))))
    assert seen(await documents.scan(PLACE)) == ["a"]
    assert not saving.done()
    other.execute("COMMIT")
    other.close()
    await saving

    async def both() -> None:
        assert seen(await documents.scan(PLACE)) == ["a", "b"]

    await eventually(both)


async def test_write_ahead_log_does_not_grow_for_good(
    documents: SqliteDocuments, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.stores.sqlite.MOVED_ROWS", 50)
    await documents.prepare([PLACE])
    wal, numbers = path.with_name(path.name + "-wal"), count(1)

    async def save() -> int:
        """Save a row; return by how much the write-ahead log has grown."""
        before, number = wal.stat().st_size, next(numbers)
        await documents.save(rows(PLACE, sent(f"row-{number}", number)))
        return wal.stat().st_size - before

    async def begun_anew() -> None:
        assert await save() == 0

    assert await save() > 0
    for _ in range(4):
        for _ in range(100):
            await save()
        await eventually(begun_anew)
