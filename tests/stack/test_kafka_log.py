"""The event log on a real Kafka."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import MESSAGE_SENT, Partition
from streams.log.kafka import reads
from streams.log.kafka.client import Cluster
from streams.log.kafka.log import KafkaLog
from tests.contracts.event_log import EventLogContract, key_in, record, take

pytestmark = pytest.mark.stack


@pytest.fixture
async def log(bootstrap: str) -> AsyncIterator[KafkaLog]:
    log = KafkaLog(bootstrap)
    await log.start()
    yield log
    await log.stop()


class TestKafkaLog(EventLogContract):
    pass


async def test_stalled_consumer_is_replaced_while_the_log_grows(log: KafkaLog, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[AIOKafkaConsumer] = []
    connect = Cluster.consumer

    async def seen(cluster: Cluster, **settings: int) -> AIOKafkaConsumer:
        made.append(await connect(cluster, **settings))
        return made[-1]

    monkeypatch.setattr(Cluster, "consumer", seen)
    monkeypatch.setattr(reads, "SILENCE_S", 0.3)
    place = Partition(MESSAGE_SENT, 0)
    key = key_in(place)
    async with aclosing(log.read(await log.end_offsets([place]))) as batches:
        reading = asyncio.create_task(take(batches, 2))
        await log.append(record(key, b"before"))
        while not made:
            await asyncio.sleep(0.01)
        made[0].pause(TopicPartition(*place))
        await log.append(record(key, b"after"))
        assert [one.value for one in await reading][-2:] == [b"before", b"after"]
    assert len(made) > 1


async def test_concurrent_queries_for_ends_are_answered_together(log: KafkaLog) -> None:
    place = Partition(MESSAGE_SENT, 3)
    key = key_in(place)

    async def appended_is_counted() -> None:
        at = await log.append(record(key))
        assert (await log.end_offsets([place]))[place] > at & ((1 << 48) - 1)

    await asyncio.wait_for(asyncio.gather(*(appended_is_counted() for _ in range(500))), 10)
