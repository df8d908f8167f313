"""The partition producer completes each append according to Kafka's answer; the test has its own Kafka producer."""

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
    """Returns the offset at which a batch was written."""

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


class Scenario:
    def __init__(self) -> None:
        self.producer = Producer()
        self.truncations: list[str] = []
        self.partition_producer = PartitionProducer(
            Partition(MESSAGE_SENT, 0), 1, Load(), lambda _: None, self.truncations.append
        )

    async def append(self, *records: Record) -> list[int | BaseException]:
        futures: list[asyncio.Future[int]] = [asyncio.get_running_loop().create_future() for _ in records]
        for record, future in zip(records, futures, strict=True):
            self.partition_producer.append(record, future, 0.0, 100)
        return await asyncio.gather(*futures, return_exceptions=True)


@pytest.fixture
async def scenario() -> AsyncIterator[Scenario]:
    found = Scenario()
    pumping = asyncio.create_task(found.partition_producer.pump(found.producer))  # type: ignore[arg-type]
    yield found
    pumping.cancel()
    await asyncio.wait([pumping])


def some(*numbers: int) -> list[Record]:
    return [said("room", n) for n in numbers]


async def test_appends_return_their_positions(scenario: Scenario) -> None:
    assert await scenario.append(*some(1, 2, 3)) == [position(1, n) for n in range(3)]
    scenario.producer.end += 5  # others write too
    assert await scenario.append(*some(4)) == [position(1, 8)]
    assert scenario.truncations == []


@pytest.mark.parametrize("end", [0, 2])
async def test_write_at_a_confirmed_offset_reports_a_truncated_log(scenario: Scenario, end: int) -> None:
    await scenario.append(*some(1, 2, 3))
    scenario.producer.end = end
    [outcome] = await scenario.append(*some(4))
    assert isinstance(outcome, OutcomeUnknown)
    assert scenario.truncations == [f"{MESSAGE_SENT} 0 was confirmed up to 3, and Kafka now wrote at {end}"]
