import asyncio

import pytest

from core.ports.event_log import Unavailable
from schemas.envelope import Record
from schemas.topics import MESSAGE_SENT, Partition
from streams.log.memory import LogStorage, MemoryLog
from tests.contracts.event_log import EventLogContract, fresh_key, record
from tests.contracts.log_epochs import LogEpochsContract


class TestMemoryLog(EventLogContract, LogEpochsContract):
    pass


async def test_storage_outlives_the_log_that_wrote_it(log: MemoryLog) -> None:
    at = await log.append(record(b"k", b"v"))
    await log.stop()
    again = MemoryLog(log.storage)
    await again.start()
    async for batch in again.read({Partition(MESSAGE_SENT, n): 0 for n in range(6)}):
        assert [(one.position, one.value) for one in batch] == [(at, b"v")]
        break


async def test_stopping_one_log_does_not_stop_another_on_the_same_records(log: MemoryLog) -> None:
    other = MemoryLog(log.storage)
    await other.start()
    await other.stop()
    assert await log.append(record(b"k")) > 0


async def test_append_is_in_the_log_in_a_later_turn(log: MemoryLog) -> None:
    future = log.append(record(b"k"))
    assert not any(log.storage.records.values())
    await asyncio.sleep(0)
    assert future.done()


async def test_unstarted_log_is_unavailable() -> None:
    log = MemoryLog()
    with pytest.raises(Unavailable):
        await log.append(Record(MESSAGE_SENT, fresh_key(), b""))
    with pytest.raises(Unavailable):
        await log.end_offsets([Partition(MESSAGE_SENT, 0)])


async def test_waiting_reader_fails_when_the_log_stops(log: MemoryLog) -> None:
    reading = asyncio.create_task(anext(log.read({Partition(MESSAGE_SENT, 0): 0})))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await log.stop()
    with pytest.raises(Unavailable):
        await reading


async def test_log_has_the_epoch_of_its_storage() -> None:
    log = MemoryLog(LogStorage(epoch=3))
    await log.start()
    assert await log.append(record(b"k")) == 3 << 48
