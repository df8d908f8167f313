"""This module creates topics from the one table, never alters them, and raises the epoch when the log is created
again.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from core.health import Health
from core.ports.event_log import Unavailable
from core.retry import retry_until_available
from schemas.topics import DEAD_LETTER, TOPICS, Topic
from streams.log.kafka.client import DOWN, Cluster, close

logger: Final = logging.getLogger("caas.log.kafka")

META: Final = "caas.meta"
"""Topic of one compacted partition with the log's epoch; it is none of the platform's topics."""
KEY: Final = b"epoch"
SOURCES: Final = frozenset(TOPICS) - {DEAD_LETTER}
"""Creating one of these makes it a new log."""

_OK, _EXISTS, _TIMED_OUT = 0, 36, 7


class TopicsRefused(Exception):
    """The existing topics, or what the brokers allow, contradict the table: only a person can decide."""


class EpochRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The record under `KEY`. `making`: its topics may not all exist yet, and the run that creates them keeps it."""

    epoch: int
    making: bool = False


@dataclass(frozen=True, slots=True)
class Copies:
    """Number of replicas of a partition, and how many of them must have a record before it is acknowledged."""

    replication: int
    min_insync: int


async def create_topics(bootstrap: str, replication: int, min_insync: int) -> list[str]:
    """Create the missing topics and return their names. Waits for brokers. Raises `TopicsRefused`.

    Harmless when run again, or twice at once: the epoch is read before the topics are listed, so that two runs that
    find topics missing compute the same next epoch, and a later one finds none missing. The epoch is written before
    the topics: a log with all its topics has one.
    """
    cluster = Cluster(bootstrap, "caas-topics")
    copies = Copies(replication, min_insync)
    return await retry_until_available("topics", lambda: _create(cluster, copies), Health())


async def _create(cluster: Cluster, copies: Copies) -> list[str]:
    async with cluster.admin() as admin:
        if META not in await _counts(admin):
            await _create_missing(admin, [_meta(copies)])
        epoch_record = await read_epoch_record(cluster)
        missing = missing_topics(await _counts(admin))
        if not missing:
            if epoch_record is None or epoch_record.making:
                await write_epoch_record(cluster, EpochRecord(1 if epoch_record is None else epoch_record.epoch))
            return []
        epoch = _next_epoch(epoch_record, any(topic.name in SOURCES for topic in missing))
        await write_epoch_record(cluster, EpochRecord(epoch, making=True))
        await _create_missing(admin, [_new(topic, copies) for topic in missing])
        missing_topics(await _counts(admin))
        await write_epoch_record(cluster, EpochRecord(epoch))
        return [topic.name for topic in missing]


def _next_epoch(epoch_record: EpochRecord | None, new_log: bool) -> int:
    if epoch_record is None:
        return 1
    return epoch_record.epoch + 1 if new_log and not epoch_record.making else epoch_record.epoch


def _new(topic: Topic, copies: Copies) -> NewTopic:
    configs = {
        "retention.ms": str(topic.retention_ms),
        "min.insync.replicas": str(copies.min_insync),
        "unclean.leader.election.enable": "false",  # whatever the brokers' default: it would lose what was confirmed
        "compression.type": "producer",
        "cleanup.policy": "delete",
    }
    return NewTopic(topic.name, topic.partitions, copies.replication, topic_configs=configs)


def _meta(copies: Copies) -> NewTopic:
    configs = {
        "min.insync.replicas": str(copies.min_insync),
        "unclean.leader.election.enable": "false",
        "cleanup.policy": "compact",
    }
    return NewTopic(META, 1, copies.replication, topic_configs=configs)


async def _counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Return the partition count of every topic; all are requested, since a request for one could create it."""
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in await admin.describe_topics()
        if topic["error_code"] == _OK
    }


def missing_topics(counts: Mapping[str, int]) -> list[Topic]:
    """Return the topics of the table that do not exist. Raises `TopicsRefused` for one with another partition count."""
    for topic in TOPICS.values():
        if counts.get(topic.name, topic.partitions) != topic.partitions:
            raise TopicsRefused(
                f"topic {topic.name} has {counts[topic.name]} partitions, the table says {topic.partitions}: "
                "partition counts never change, since keys would move and lose their order; "
                "copy the log into topics of the right counts"
            )
    return [topic for topic in TOPICS.values() if topic.name not in counts]


async def _create_missing(admin: AIOKafkaAdminClient, topics: list[NewTopic]) -> None:
    answer = await admin.create_topics(topics)
    for name, code, *text in answer.topic_errors:
        if code == _TIMED_OUT:
            raise Unavailable(f"Kafka took too long to create topic {name}")
        if code not in (_OK, _EXISTS):
            raise TopicsRefused(f"Kafka refuses topic {name}: {text[0] if text else f'error {code}'}")


async def ready_epoch(cluster: Cluster) -> int:
    """Return the log's epoch once all its topics exist. Raises `Unavailable` that names what is missing."""
    async with cluster.admin() as admin:
        missing = missing_topics(await _counts(admin))
    epoch_record = None if missing else await read_epoch_record(cluster)
    if epoch_record is None:
        names = ", ".join(topic.name for topic in missing) or META
        raise Unavailable(f"Kafka at {cluster.bootstrap} has no topics {names}: `caas topics` creates them")
    return epoch_record.epoch


async def read_epoch_record(cluster: Cluster) -> EpochRecord | None:
    """Return the last record under `KEY`. Raises `Unavailable`."""
    consumer = await cluster.consumer()
    try:
        return await _last_epoch_record(consumer, TopicPartition(META, 0))
    except DOWN as error:
        raise Unavailable(f"{META}: {error!r}") from error
    finally:
        await close(consumer)


async def _last_epoch_record(consumer: Any, at: TopicPartition) -> EpochRecord | None:
    consumer.assign([at])
    end = (await consumer.end_offsets([at]))[at]
    consumer.seek(at, (await consumer.beginning_offsets([at]))[at])
    last: EpochRecord | None = None
    while await consumer.position(at) < end:
        for record in (await consumer.getmany(at, timeout_ms=1000)).get(at, ()):
            if record.key == KEY and record.value is not None:
                last = msgspec.json.decode(record.value, type=EpochRecord)
    return last


async def write_epoch_record(cluster: Cluster, epoch_record: EpochRecord) -> None:
    """Append the record under `KEY`. Raises `Unavailable`."""
    producer = await cluster.producer()
    try:
        await producer.send_and_wait(META, msgspec.json.encode(epoch_record), key=KEY, partition=0)
    except DOWN as error:
        raise Unavailable(f"{META}: {error!r}") from error
    finally:
        await producer.stop()
    logger.info(
        "the log's epoch is %d%s", epoch_record.epoch, ", its topics are being created" if epoch_record.making else ""
    )
