"""Topics of the one table, the log's epoch, and a log's errors for removed records."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from core.ports.event_log import LogTruncated, OutcomeUnknown, Unavailable
from core.positions import epoch_of
from deploy.local.stack import Stack
from schemas.topics import AUDIT_LOG, DEAD_LETTER, MESSAGE_DELIVERED, MESSAGE_SENT, TOPICS, Partition
from streams.log.kafka.client import Cluster
from streams.log.kafka.log import KafkaLog
from streams.log.kafka.topics import TopicsRefused, create_topics, ready_epoch
from tests.contracts.event_log import append_all, key_in, record, take, whole
from tests.eventually import eventually

pytestmark = [pytest.mark.stack, pytest.mark.kills]

ROLE = "kafka"


@pytest.fixture
async def bootstrap(spare: Stack) -> AsyncIterator[str]:
    """A Kafka without topics."""
    where = spare.env()["CAAS_KAFKA_BOOTSTRAP"]
    yield where
    async with admin_of(where) as admin:
        await delete(admin, [name for name in await admin.list_topics() if not name.startswith("__")])


@asynccontextmanager
async def admin_of(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def delete(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    await admin.delete_topics(list(names))

    async def gone() -> bool:
        return not set(names) & set(await admin.list_topics())

    await eventually(gone, within=10)


async def configs_of(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {entry[0]: entry[1] for entry in answer.resources[0][4]}


async def epoch(bootstrap: str) -> int:
    return await ready_epoch(Cluster(bootstrap, "test"))


async def test_first_run_creates_all_topics_and_the_first_epoch(bootstrap: str) -> None:
    assert sorted(await create_topics(bootstrap, 1, 1)) == sorted(TOPICS)
    assert await epoch(bootstrap) == 1
    async with admin_of(bootstrap) as admin:
        found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
        configs = await configs_of(admin, MESSAGE_DELIVERED)
    assert {name: found[name] for name in TOPICS} == {topic.name: topic.partitions for topic in TOPICS.values()}
    assert configs["retention.ms"] == str(TOPICS[MESSAGE_DELIVERED].retention_ms)
    assert (configs["compression.type"], configs["min.insync.replicas"]) == ("producer", "1")
    assert configs["unclean.leader.election.enable"] == "false"


async def test_running_it_again_changes_nothing(bootstrap: str) -> None:
    await create_topics(bootstrap, 1, 1)
    assert await create_topics(bootstrap, 1, 1) == []
    assert await epoch(bootstrap) == 1


async def test_concurrent_runs_create_one_epoch(bootstrap: str) -> None:
    await asyncio.gather(*(create_topics(bootstrap, 1, 1) for _ in range(4)))
    assert await epoch(bootstrap) == 1
    async with admin_of(bootstrap) as admin:
        await delete(admin, [MESSAGE_SENT, AUDIT_LOG])
    await asyncio.gather(*(create_topics(bootstrap, 1, 1) for _ in range(4)))
    assert await epoch(bootstrap) == 2


async def test_recreated_source_topic_raises_the_epoch_and_dead_letters_do_not(bootstrap: str) -> None:
    await create_topics(bootstrap, 1, 1)
    async with admin_of(bootstrap) as admin:
        await delete(admin, [DEAD_LETTER])
        assert await create_topics(bootstrap, 1, 1) == [DEAD_LETTER]
        assert await epoch(bootstrap) == 1
        await delete(admin, [MESSAGE_SENT])
        assert await create_topics(bootstrap, 1, 1) == [MESSAGE_SENT]
    assert await epoch(bootstrap) == 2


async def test_another_partition_count_is_refused(bootstrap: str) -> None:
    async with admin_of(bootstrap) as admin:
        await admin.create_topics([NewTopic(MESSAGE_SENT, 5, 1)])
    with pytest.raises(TopicsRefused, match=r"message\.sent has 5 partitions"):
        await create_topics(bootstrap, 1, 1)
    with pytest.raises(TopicsRefused, match=r"message\.sent has 5 partitions"):
        await KafkaLog(bootstrap).start()


async def test_more_replicas_than_brokers_are_rejected(bootstrap: str) -> None:
    with pytest.raises(TopicsRefused, match="replication factor"):
        await create_topics(bootstrap, 3, 2)


async def test_log_without_topics_waits_for_them(bootstrap: str) -> None:
    with pytest.raises(Unavailable, match=r"no topics message\.sent"):
        await epoch(bootstrap)
    log = KafkaLog(bootstrap)
    starting = asyncio.create_task(log.start())
    await create_topics(bootstrap, 1, 1)
    await asyncio.wait_for(starting, 20)
    assert log.epoch == 1
    await log.stop()


async def test_positions_carry_the_epoch_of_the_topics_birth(bootstrap: str) -> None:
    await create_topics(bootstrap, 1, 1)
    async with admin_of(bootstrap) as admin:
        await delete(admin, [MESSAGE_SENT])
    await create_topics(bootstrap, 1, 1)
    log = KafkaLog(bootstrap)
    await log.start()
    assert epoch_of(await log.append(record(b"key"))) == 2
    await log.stop()


async def test_read_of_removed_records_raises(bootstrap: str) -> None:
    await create_topics(bootstrap, 1, 1)
    log = KafkaLog(bootstrap)
    await log.start()
    place = Partition(MESSAGE_SENT, 2)
    await append_all(log, [record(key_in(place)) for _ in range(10)])
    with pytest.raises(LogTruncated, match="keeps 0 to 10, not 11"):
        await whole(log, {place: 11}, {place: 12})
    async with admin_of(bootstrap) as admin:
        await admin.delete_records({TopicPartition(*place): RecordsToDelete(before_offset=4)})
    assert await log.beginning_offsets([place]) == {place: 4}
    assert [one.offset for one in await whole(log, {place: 4}, {place: 10})] == list(range(4, 10))
    with pytest.raises(LogTruncated, match="keeps 4 to 10, not 3"):
        await take(log.read({place: 3}), 1)
    await log.stop()


async def test_batch_rejected_by_kafka_fails_only_its_appends(bootstrap: str) -> None:
    await create_topics(bootstrap, 1, 1)
    log = KafkaLog(bootstrap)
    await log.start()
    place = Partition(MESSAGE_SENT, 0)
    key = key_in(place)
    await log.append(record(key, b"first"))
    async with admin_of(bootstrap) as admin:
        small = ConfigResource(ConfigResourceType.TOPIC, MESSAGE_SENT, configs={"max.message.bytes": "2000"})
        await admin.alter_configs([small])

        async def known() -> bool:
            return (await configs_of(admin, MESSAGE_SENT))["max.message.bytes"] == "2000"

        await eventually(known)
    # Random bytes, so that compression does not make it smaller for the broker.
    refused = log.append(record(key, random.randbytes(4000)))
    with pytest.raises(OutcomeUnknown, match="MessageSizeTooLarge"):
        await asyncio.wait_for(refused, 10)
    after = [log.append(record(key, b"%d" % n)) for n in range(5)]
    positions = await asyncio.wait_for(asyncio.gather(*after), 20)
    assert positions == sorted(positions)
    found = await whole(log, {place: 0}, await log.end_offsets([place]))
    assert [one.value for one in found] == [b"first", b"0", b"1", b"2", b"3", b"4"]
    await log.stop()


async def test_too_large_record_is_rejected_at_once(bootstrap: str) -> None:
    await create_topics(bootstrap, 1, 1)
    log = KafkaLog(bootstrap)
    await log.start()
    with pytest.raises(ValueError, match="larger than the log accepts"):
        await log.append(record(b"key", b"x" * 1_000_000))
    assert await asyncio.wait_for(log.append(record(b"key", b"x" * 990_000)), 10) >= 0
    await log.stop()
