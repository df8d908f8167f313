import asyncio
import resource
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

from core.ports.event_log import AlreadyWriting, OutcomeUnknown, Unavailable
from core.positions import position
from schemas.envelope import Record
from schemas.topics import MESSAGE_DELIVERED, MESSAGE_SENT, TOPICS, Partition, partition_of, partitions
from streams.log.sqlite.log import Limits, SqliteLog
from tests.contracts.event_log import (
    EventLogContract,
    append_all,
    fresh_key,
    key_in,
    reading,
    record,
    take,
    whole,
)
from tests.contracts.log_epochs import LogEpochsContract

ROOT = Path(__file__).parents[4]
PLACE = Partition(MESSAGE_SENT, 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "log.db"


@pytest.fixture
async def log(path: Path) -> AsyncIterator[SqliteLog]:
    log = SqliteLog(path)
    await log.start()
    yield log
    await log.stop()


async def opened(path: Path, **settings: bool | Limits) -> SqliteLog:
    log = SqliteLog(path, **settings)  # type: ignore[arg-type]
    await log.start()
    return log


class TestSqliteLog(EventLogContract, LogEpochsContract):
    pass


class TestSqliteLogReadFromTheFile(EventLogContract):
    """The contract without records in memory."""

    @pytest.fixture
    async def log(self, path: Path) -> AsyncIterator[SqliteLog]:
        log = await opened(path, limits=Limits(tail_records=0))
        yield log
        await log.stop()


class TestSqliteLogReadFromMemoryInPart(EventLogContract):
    """The contract with a few records in memory, so that readers cross from the file to memory and back."""

    @pytest.fixture
    async def log(self, path: Path) -> AsyncIterator[SqliteLog]:
        log = await opened(path, limits=Limits(tail_records=10))
        yield log
        await log.stop()


async def test_appended_records_exist_after_a_restart(log: SqliteLog, path: Path) -> None:
    key = key_in(PLACE)
    await append_all(log, [record(key, b"%d" % n) for n in range(1000)])
    await log.stop()
    again = await opened(path)
    assert await again.end_offsets([PLACE]) == {PLACE: 1000}
    assert await again.append(record(key, b"1000")) == position(1, 1000)
    found = await whole(again, {PLACE: 0}, {PLACE: 1001})
    assert [one.value for one in found] == [b"%d" % n for n in range(1001)]
    assert all(one.timestamp_ms > 1_700_000_000_000 for one in found)
    await again.stop()


async def test_epoch_is_written_once_and_kept(log: SqliteLog, path: Path) -> None:
    assert log.epoch == 1
    await log.stop()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = 7 WHERE name = 'epoch'")
    connection.commit()
    connection.close()
    again = await opened(path)
    assert again.epoch == 7
    assert await again.append(record(key_in(PLACE))) == position(7, 0)
    await again.stop()


async def test_appends_of_one_turn_are_one_commit(log: SqliteLog, path: Path) -> None:
    await append_all(log, [record(key_in(PLACE), b"%d" % n) for n in range(100)])
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT first, next FROM batches").fetchall() == [(0, 100)]
    connection.close()


def receipt(value: bytes) -> Record:
    return structs.replace(record(key_in(Partition(MESSAGE_DELIVERED, 0)), value), topic=MESSAGE_DELIVERED)


async def test_receipts_wait_for_the_commit_of_another_record(log: SqliteLog, path: Path) -> None:
    waiting = [log.append(receipt(b"%d" % n)) for n in range(3)]
    await log.append(record(key_in(PLACE)))
    assert all(one.done() for one in waiting)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM (SELECT DISTINCT at_ms FROM batches)").fetchone() == (1,)
    connection.close()


async def test_receipts_do_not_wait_for_long(log: SqliteLog) -> None:
    async with asyncio.timeout(2):
        for number in range(5):
            assert await log.append(receipt(b"%d" % number)) == position(1, number)


async def test_receipts_that_wait_are_committed_at_the_stop(log: SqliteLog, path: Path) -> None:
    waiting = log.append(receipt(b"last"))
    await log.stop()
    assert waiting.result() == position(1, 0)
    again = await opened(path)
    assert await again.end_offsets([Partition(MESSAGE_DELIVERED, 0)]) == {Partition(MESSAGE_DELIVERED, 0): 1}
    await again.stop()


async def test_more_records_than_one_commit_takes_are_all_committed(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.log.sqlite.writer.GROUP_RECORDS", 7)
    await append_all(log, [record(key_in(PLACE), b"%d" % n) for n in range(40)])
    assert await log.end_offsets([PLACE]) == {PLACE: 40}


async def test_appends_above_the_limit_fail_and_the_others_are_kept(path: Path) -> None:
    log = await opened(path, limits=Limits(waiting_records=10))
    key = key_in(PLACE)
    answers = await asyncio.gather(*(log.append(record(key)) for _ in range(15)), return_exceptions=True)
    assert answers[:10] == [position(1, n) for n in range(10)]
    assert all(isinstance(answer, Unavailable) for answer in answers[10:])
    assert await log.append(record(key)) == position(1, 10)
    await log.stop()


async def test_bytes_above_the_limit_fail(path: Path) -> None:
    log = await opened(path, limits=Limits(waiting_bytes=1000))
    key = key_in(PLACE)
    answers = await asyncio.gather(*(log.append(record(key, b"x" * 500)) for _ in range(3)), return_exceptions=True)
    assert [isinstance(answer, Unavailable) for answer in answers] == [False, True, True]
    assert await log.append(record(key)) == position(1, 1)
    await log.stop()


# Two processes


async def test_second_writer_is_refused(log: SqliteLog, path: Path) -> None:
    other = SqliteLog(path)
    with pytest.raises(AlreadyWriting, match="another process"):
        await other.start()
    assert await log.append(record(fresh_key())) > 0
    await log.stop()
    await other.start()
    await other.stop()


async def test_reader_beside_the_writer_sees_what_is_appended(path: Path) -> None:
    reader = SqliteLog(path, read_only=True)
    starting = asyncio.create_task(reader.start())
    writer = await opened(path)
    await asyncio.wait_for(starting, 10)
    assert reader.epoch == 1
    start = dict.fromkeys(partitions(MESSAGE_SENT), 0)
    async with reading(reader, start) as batches:
        coming = asyncio.create_task(take(batches, 3))
        await append_all(writer, [record(b"k", b"%d" % n) for n in range(3)])
        assert [one.value for one in await coming] == [b"0", b"1", b"2"]
    place = partition_of(MESSAGE_SENT, b"k")
    assert (await reader.end_offsets([place]))[place] == 3
    with pytest.raises(Unavailable):
        await reader.append(record(b"k"))
    await reader.stop()
    await writer.stop()


async def test_reader_reads_a_log_without_a_writer(log: SqliteLog, path: Path) -> None:
    await append_all(log, [record(b"k", b"%d" % n) for n in range(3)])
    await log.stop()
    reader = await opened(path, read_only=True)
    place = partition_of(MESSAGE_SENT, b"k")
    assert len(await whole(reader, {place: 0}, await reader.end_offsets([place]))) == 3
    await reader.stop()


# Crashes

CHILD = """
import asyncio, sys
from pathlib import Path
from schemas.envelope import Record
from streams.log.sqlite.log import SqliteLog

async def main():
    log = SqliteLog(Path(sys.argv[1]))
    await log.start()
    n = 0
    while True:
        futures = []
        for _ in range(50):
            key = b"key %d" % (n % 10)
            futures.append((key, log.append(Record("message.sent", key, b"%d" % n))))
            n += 1
        for key, future in futures:
            print(key.decode().split()[1], n, await future, flush=False)
        sys.stdout.flush()

asyncio.run(main())
"""


@pytest.mark.kills
async def test_acknowledged_appends_are_in_the_log_once_after_a_kill(path: Path) -> None:
    acknowledged: set[tuple[int, bytes]] = set()
    for kill_after in (1, 500, 3000):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, str(path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout is not None
        output = [await child.stdout.readline() for _ in range(kill_after)]
        child.kill()
        output += (await child.stdout.read()).splitlines(keepends=True)
        await child.wait()
        whole_lines = (line.split() for line in output if line.endswith(b"\n"))
        acknowledged |= {(int(at), b"key " + key) for key, _, at in whole_lines}
    log = await opened(path)
    places = TOPICS[MESSAGE_SENT].all_partitions()
    ends = await log.end_offsets(places)
    found = await whole(log, dict.fromkeys(places, 0), ends)
    for place in places:
        assert [one.offset for one in found if one.at() == place] == list(range(ends[place]))
    in_log = {(place, one.position, one.key) for one in found for place in [one.at()]}
    assert len(in_log) == len(found)
    assert {(partition_of(MESSAGE_SENT, key), at, key) for at, key in acknowledged} <= in_log
    assert len(acknowledged) > 3000
    await log.stop()


# A disk that fails


@pytest.fixture
def max_file_size() -> Iterator[Callable[[int | None], None]]:
    """Limit the size of the files of this process; writes beyond it fail as on a broken disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, before if size is None else (size, before[1]))

    yield limit
    limit(None)


async def test_failing_disk_acknowledges_nothing_and_the_log_recovers(
    path: Path, max_file_size: Callable[[int | None], None]
) -> None:
    log, key = await opened(path, limits=Limits(tail_records=50)), key_in(PLACE)
    answers: list[int | BaseException] = []
    max_file_size(200_000)
    for n in range(30):
        burst = [log.append(record(key, b"%d" % n + b"x" * 500)) for _ in range(20)]
        answers += await asyncio.gather(*burst, return_exceptions=True)
    max_file_size(None)
    positions = [answer for answer in answers if isinstance(answer, int)]
    unsure = [answer for answer in answers if isinstance(answer, OutcomeUnknown)]
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert positions
    assert refused
    assert len(positions) + len(unsure) + len(refused) == len(answers)
    positions.append(await log.append(record(key, b"after")))
    await check_log(log, positions, len(unsure))
    await log.stop()
    again = await opened(path)
    await check_log(again, positions, len(unsure))
    await again.stop()


async def check_log(log: SqliteLog, positions: list[int], unsure: int) -> None:
    """Check that the log has all acknowledged records, without gaps, and at most the unsure ones besides."""
    end = (await log.end_offsets([PLACE]))[PLACE]
    found = await whole(log, {PLACE: 0}, {PLACE: end})
    assert [one.offset for one in found] == list(range(end))
    assert set(positions) <= {one.position for one in found}
    assert len(found) <= len(positions) + unsure
