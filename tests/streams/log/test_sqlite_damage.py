"""Damage to a log is found at the start or by a reader of the damaged part, and reported; it is never read past."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from core.damage import Damage
from core.ports.event_log import DataDamaged, LogDamaged, OutcomeUnknown, Unavailable
from core.positions import position
from schemas.topics import MESSAGE_SENT, Partition
from streams.log.sqlite.log import Limits, SqliteLog
from tests import damaging
from tests.contracts.event_log import append_all, key_in, record, whole

PLACE = Partition(MESSAGE_SENT, 0)
KEY = key_in(PLACE)
COMMITS, EACH = 40, 50
END = COMMITS * EACH


def value(n: int) -> bytes:
    return b"record %d " % n + bytes([65 + n % 26]) * 200


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A log of many pages, closed."""
    path = tmp_path / "data" / "log.sqlite"
    log = await opened(path)
    for start in range(0, END, EACH):
        await append_all(log, [record(KEY, value(n)) for n in range(start, start + EACH)])
    await log.stop()
    return path


async def opened(path: Path, *, read_only: bool = False, damage: Damage | None = None) -> SqliteLog:
    log = SqliteLog(path, read_only=read_only, limits=Limits(tail_records=0), damage=damage)
    await log.start()
    return log


async def read_all(log: SqliteLog) -> list[bytes | None]:
    end = (await log.end_offsets([PLACE]))[PLACE]
    return [one.value for one in await whole(log, {PLACE: 0}, {PLACE: end})]


def execute(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


async def refused(path: Path) -> str:
    """Return why the log does not start; its lock is released."""
    log = SqliteLog(path)
    with pytest.raises(LogDamaged) as raised:
        await log.start()
    with pytest.raises(LogDamaged):
        await log.start()
    return str(raised.value)


# Found at the start


@pytest.mark.parametrize(
    "spoil", [damaging.halve, damaging.zero_page, damaging.break_header], ids=lambda one: one.__name__
)
async def test_start_names_the_damaged_file_and_what_to_do(path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(path)
    said = await refused(path)
    assert said.startswith(f"{path} is damaged: ")
    assert "restore it from a backup" in said
    assert "\n" not in said


async def test_start_finds_bytes_turned_in_the_newest_records(path: Path) -> None:
    damaging.flip_text(path, b"record %d " % (END - 1))
    assert f"message.sent/0 offsets {END - EACH} to {END - 1} are not what was appended" in await refused(path)


@pytest.mark.parametrize(
    "change", ["DELETE FROM batches", "UPDATE batches SET first = 90", "UPDATE batches SET first = NULL"]
)
@pytest.mark.parametrize("first", [0, 100])
async def test_start_finds_rows_that_do_not_follow_each_other(path: Path, change: str, first: int) -> None:
    execute(path, f"{change} WHERE first = {first}")
    assert f"message.sent/0: records before offset {END} are missing or doubled" in await refused(path)


async def test_start_finds_an_index_that_ends_before_its_table(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    [sql] = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'batches_by_next'").fetchone()
    connection.close()
    execute(
        path,
        "DROP INDEX batches_by_next",
        f"{sql} WHERE next < 1000",
        "PRAGMA writable_schema = ON",
        f"UPDATE sqlite_master SET sql = '{sql}' WHERE name = 'batches_by_next'",
    )
    assert "message.sent/0: the index ends before offset" in await refused(path)


async def test_start_refuses_records_without_an_epoch(path: Path) -> None:
    for statement in ("DELETE FROM meta", "DROP TABLE meta"):
        execute(path, statement)
        assert "it has records but no epoch" in await refused(path)


# Found by a reader


@pytest.mark.parametrize("read_only", [False, True])
async def test_reader_finds_bytes_turned_in_a_record(path: Path, read_only: bool) -> None:
    damaging.flip_text(path, b"record 120 ")
    log = await opened(path, read_only=read_only)
    with pytest.raises(LogDamaged, match=r"message.sent/0 offsets 100 to 149 are not what was appended"):
        await read_all(log)
    assert [one.value for one in await whole(log, {PLACE: 0}, {PLACE: 100})] == [value(n) for n in range(100)]
    await log.stop()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM batches WHERE first = 100", "goes on at offset 150 instead of 100"),
        ("UPDATE batches SET first = 90 WHERE first = 100", "goes on at offset 90 instead of 100"),
        ("UPDATE batches SET next = 149, first = 99 WHERE first = 100", "goes on at offset 99 instead of 100"),
        ("UPDATE batches SET at_ms = 1 WHERE first = 100", "offsets 100 to 149 are not what was appended"),
        ("UPDATE batches SET records = 'no' WHERE first = 100", "offsets 100 to 149 are not what was appended"),
        ("UPDATE batches SET records = 'no', crc = NULL WHERE first = 100", "offsets 100 to 149 cannot be read"),
        ("UPDATE batches SET records = x'90', crc = NULL WHERE first = 100", "offsets 100 to 149 are 0 records"),
        ("UPDATE batches SET at_ms = 'then' WHERE first = 100", "a row of message.sent/0 has no offsets"),
        ("UPDATE batches SET at_ms = NULL WHERE first = 100", "goes on at offset 150 instead of 100"),
    ],
)
async def test_reader_finds_a_row_that_contradicts_itself_or_its_neighbours(
    path: Path, statement: str, found: str
) -> None:
    execute(path, statement)
    log = await opened(path, read_only=True)
    with pytest.raises(LogDamaged, match=found):
        await read_all(log)
    await log.stop()


async def test_reader_finds_that_the_last_rows_it_asks_for_are_missing(path: Path) -> None:
    execute(path, "DELETE FROM batches WHERE first = 100")
    log = await opened(path, read_only=True)
    with pytest.raises(LogDamaged, match="offsets 100 to 119 are missing"):
        await whole(log, {PLACE: 0}, {PLACE: 120})
    await log.stop()


async def test_reader_finds_that_the_file_is_not_a_database(path: Path) -> None:
    damaging.break_header(path)
    with pytest.raises(LogDamaged, match="file is not a database"):
        await opened(path, read_only=True)


# Found while it runs


async def test_damage_found_by_a_running_writer_fails_its_appends_and_is_reported(path: Path) -> None:
    damage = Damage()
    log = await opened(path, damage=damage)
    reported = asyncio.create_task(damage.found())
    assert await log.append(record(KEY, value(END))) == position(1, END)
    # A write of another process makes the writer read the file again, instead of its cache.
    execute(path, "UPDATE meta SET value = 1", "PRAGMA wal_checkpoint (TRUNCATE)")
    damaging.overwrite(path, damaging.PAGE, bytes(path.stat().st_size - damaging.PAGE))
    with pytest.raises(OutcomeUnknown):
        await log.append(record(KEY, value(END + 1)))
    with pytest.raises(Unavailable):
        await log.append(record(KEY, value(END + 2)))
    with pytest.raises(DataDamaged, match="restore it from a backup"):
        await reported
    await log.stop()


async def test_damage_ends_a_reader_and_is_reported(path: Path) -> None:
    damage = Damage()
    log = await opened(path, damage=damage)
    damaging.flip_text(path, b"record 120 ")
    with pytest.raises(LogDamaged):
        await read_all(log)
    with pytest.raises(LogDamaged):
        await damage.found()
    await log.stop()


# Records that are not in the main file yet


@pytest.fixture
async def killed(tmp_path: Path) -> Path:
    """A log as `kill -9` leaves it: all its records are in its -wal."""
    log = await opened(tmp_path / "data" / "log.sqlite")
    for start in range(0, END, EACH):
        await append_all(log, [record(KEY, value(n)) for n in range(start, start + EACH)])
    killed = damaging.copied(tmp_path / "data" / "log.sqlite", tmp_path / "killed")
    await log.stop()
    return killed


async def readable_end(path: Path) -> int:
    """Return where the log ends, after checking that it is readable up to there and accepts appends."""
    log = await opened(path)
    found = await read_all(log)
    assert found == [value(n) for n in range(len(found))]
    assert await log.append(record(KEY, b"next")) == position(1, len(found))
    await log.stop()
    return len(found)


async def test_log_with_half_a_wal_ends_earlier_and_whole(killed: Path, tmp_path: Path) -> None:
    assert await readable_end(damaging.copied(killed, tmp_path / "unharmed")) == END
    damaging.halve(killed.with_name("log.sqlite-wal"))
    assert 0 < await readable_end(killed) < END


async def test_log_with_bytes_turned_in_its_wal_ends_before_them(killed: Path) -> None:
    damaging.flip_text(killed.with_name("log.sqlite-wal"), b"record 1020 ")
    assert await readable_end(killed) == 1000


@pytest.mark.parametrize("spoil", [damaging.break_header, Path.unlink], ids=["header", "all"])
async def test_log_that_lost_its_wal_ends_where_its_file_does(killed: Path, spoil: Callable[[Path], None]) -> None:
    spoil(killed.with_name("log.sqlite-wal"))
    assert await readable_end(killed) == 0


# Damage that a file alone cannot show: the checkpoints of its readers show it.


async def test_deleted_or_empty_log_opens_empty(path: Path) -> None:
    path.write_bytes(b"")
    assert await readable_end(path) == 0
    path.unlink()
    assert await readable_end(path) == 0


async def test_lock_of_an_ended_process_is_taken_over(path: Path) -> None:
    path.with_name("log.sqlite.lock").write_text("1\n")
    assert await readable_end(path) == END


async def test_file_that_cannot_be_opened_is_unavailable_not_damaged(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite").mkdir()
    with pytest.raises(Unavailable, match="unable to open"):
        await opened(tmp_path / "log.sqlite")


# Files from before there were checksums


@pytest.fixture
def old(path: Path) -> Path:
    execute(path, "ALTER TABLE batches DROP COLUMN crc")
    return path


async def test_file_without_checksums_is_read_by_another_process(old: Path) -> None:
    log = await opened(old, read_only=True)
    assert await read_all(log) == [value(n) for n in range(END)]
    await log.stop()


async def test_file_without_checksums_gets_them_for_new_rows(old: Path) -> None:
    log = await opened(old)
    assert await log.append(record(KEY, value(END))) == position(1, END)
    assert await read_all(log) == [value(n) for n in range(END + 1)]
    await log.stop()
    connection = sqlite3.connect(old)
    rows = connection.execute("SELECT crc IS NULL, count(*) FROM batches GROUP BY 1").fetchall()
    connection.close()
    assert rows == [(0, 1), (1, COMMITS)]
    damaging.flip_text(old, b"record %d " % END)
    assert f"offsets {END} to {END} are not what was appended" in await refused(old)


async def test_reader_of_a_file_without_checksums_continues_when_it_gets_them(old: Path) -> None:
    reader = await opened(old, read_only=True)
    log = await opened(old)
    await log.append(record(KEY, value(END)))
    assert await read_all(reader) == [value(n) for n in range(END + 1)]
    await reader.stop()
    await log.stop()


async def test_rows_of_a_version_without_checksums_are_read(path: Path) -> None:
    execute(path, "UPDATE batches SET crc = NULL")
    log = await opened(path)
    assert await read_all(log) == [value(n) for n in range(END)]
    await log.stop()


# a file that was replaced


@pytest.mark.parametrize("replace", [True, False], ids=["replaced", "deleted"])
async def test_replaced_log_file_acknowledges_nothing_more(path: Path, replace: bool) -> None:
    older = path.with_name("older.sqlite")
    shutil.copy(path, older)
    damage = Damage()
    log = await opened(path, damage=damage)
    await append_all(log, [record(KEY, b"one more")])
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink()
    if replace:
        older.rename(path)
    with pytest.raises(LogDamaged, match="replaced or deleted while it was open"):
        await log.end_offsets([PLACE])
    with pytest.raises((OutcomeUnknown, Unavailable)):
        await log.append(record(KEY, b"lost"))
    with pytest.raises(LogDamaged):
        await asyncio.wait_for(damage.found(), 5)
    await log.stop()
