"""A lane of appends, beside a producer of the test's own: what Kafka answers decides what each append is told."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from core.ports.event_log import OutcomeUnknown
from core.positions import position
from schemas.envelope import Record
from schemas.topics import MESSAGE_SENT, Partition
from streams.log.kafka.partition_producer import Load, PartitionProducer
from tests.streams.world import said


class Builder:
    def __init__(self) -> None:
        self.records = 0

    def append(self, **_: Any) -> SimpleNamespace:
        self.records += 1
        return SimpleNamespace(size=100)


class Producer:
    """Answers at which offset a batch was written."""

    def __init__(self) -> None:
        self.end = 0

    def create_batch(self) -> Builder:
        return Builder()

    async def send_batch(self, builder: Builder, _topic: str, *, partition: int) -> asyncio.Future[Any]:
        assert partition == 0
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(SimpleNamespace(offset=self.end))
        self.end += builder.records
        return answer


class Given:
    def __init__(self) -> None:
        self.producer = Producer()
        self.cut: list[str] = []
        self.lane = PartitionProducer(Partition(MESSAGE_SENT, 0), 1, Load(), lambda _: None, self.cut.append)

    async def append(self, *records: Record) -> list[int | BaseException]:
        futures: list[asyncio.Future[int]] = [asyncio.get_running_loop().create_future() for _ in records]
        for record, future in zip(records, futures, strict=True):
            self.lane.append(record, future, 0.0, 100)
        return await asyncio.gather(*futures, return_exceptions=True)


@pytest.fixture
async def given() -> AsyncIterator[Given]:
    found = Given()
    pumping = asyncio.create_task(found.lane.pump(found.producer))  # type: ignore[arg-type]
    yield found
    pumping.cancel()
    await asyncio.wait([pumping])


def some(*numbers: int) -> list[Record]:
    return [said("room", n) for n in numbers]


async def test_appends_are_answered_with_their_positions(given: Given) -> None:
    assert await given.append(*some(1, 2, 3)) == [position(1, n) for n in range(3)]
    given.producer.end += 5  # others write too
    assert await given.append(*some(4)) == [position(1, 8)]
    assert given.cut == []


@pytest.mark.parametrize("end", [0, 2])
async def test_a_record_that_lands_where_another_was_confirmed_says_that_the_log_lost_its_end(
    given: Given, end: int
) -> None:
    await given.append(*some(1, 2, 3))
    given.producer.end = end
    [told] = await given.append(*some(4))
    assert isinstance(told, OutcomeUnknown)
    assert given.cut == [f"{MESSAGE_SENT} 0 was confirmed up to 3, and Kafka now wrote at {end}"]
