"""Topics are made from the one table, never altered, and each birth of the log raises its epoch."""

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
"""One compacted partition with the log's epoch; no topic of the platform."""
KEY: Final = b"epoch"
SOURCES: Final = frozenset(TOPICS) - {DEAD_LETTER}
"""The birth of one of these begins the log anew."""

_OK, _EXISTS, _TIMED_OUT = 0, 36, 7


class TopicsRefused(Exception):
    """The topics that exist, or what the brokers allow, contradict the table: only a person can decide."""


class Birth(msgspec.Struct, frozen=True, omit_defaults=True):
    """The record under `KEY`. `making`: its topics may not all exist yet, so whoever makes them keeps this epoch."""

    epoch: int
    making: bool = False


@dataclass(frozen=True, slots=True)
class Copies:
    """How many replicas a partition has, and how many of them must have a record before it counts."""

    replication: int
    min_insync: int


async def create_topics(bootstrap: str, replication: int, min_insync: int) -> list[str]:
    """Make the topics that are missing; their names. Waits for brokers. Raises `TopicsRefused`.

    Harmless when run again, or twice at once: the epoch is read before the topics are listed, so that of two runs
    that find topics missing both come to the same next epoch, and one that comes later finds none missing. The epoch
    is written before the topics: a log whose topics are all there has one.
    """
    cluster = Cluster(bootstrap, "caas-topics")
    copies = Copies(replication, min_insync)
    return await retry_until_available("topics", lambda: _create(cluster, copies), Health())


async def _create(cluster: Cluster, copies: Copies) -> list[str]:
    async with cluster.admin() as admin:
        if META not in await _counts(admin):
            await _make(admin, [_meta(copies)])
        birth = await read_birth(cluster)
        missing = missing_topics(await _counts(admin))
        if not missing:
            if birth is None or birth.making:
                await write_birth(cluster, Birth(1 if birth is None else birth.epoch))
            return []
        epoch = _next(birth, any(topic.name in SOURCES for topic in missing))
        await write_birth(cluster, Birth(epoch, making=True))
        await _make(admin, [_new(topic, copies) for topic in missing])
        missing_topics(await _counts(admin))
        await write_birth(cluster, Birth(epoch))
        return [topic.name for topic in missing]


def _next(birth: Birth | None, begins_anew: bool) -> int:
    if birth is None:
        return 1
    return birth.epoch + 1 if begins_anew and not birth.making else birth.epoch


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
    """The partition count of every topic; the client asks for all, since asking for one could make it."""
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in await admin.describe_topics()
        if topic["error_code"] == _OK
    }


def missing_topics(counts: Mapping[str, int]) -> list[Topic]:
    """The topics of the table that are not there. Raises `TopicsRefused` for one with another partition count."""
    for topic in TOPICS.values():
        if counts.get(topic.name, topic.partitions) != topic.partitions:
            raise TopicsRefused(
                f"topic {topic.name} has {counts[topic.name]} partitions, the table says {topic.partitions}: "
                "partition counts never change, since keys would move and lose their order; "
                "copy the log into topics of the right counts"
            )
    return [topic for topic in TOPICS.values() if topic.name not in counts]


async def _make(admin: AIOKafkaAdminClient, topics: list[NewTopic]) -> None:
    answer = await admin.create_topics(topics)
    for name, code, *text in answer.topic_errors:
        if code == _TIMED_OUT:
            raise Unavailable(f"Kafka took too long to make topic {name}")
        if code not in (_OK, _EXISTS):
            raise TopicsRefused(f"Kafka refuses topic {name}: {text[0] if text else f'error {code}'}")


async def ready_epoch(cluster: Cluster) -> int:
    """The log's epoch once all its topics are there. Raises `Unavailable` that says what is missing."""
    async with cluster.admin() as admin:
        missing = missing_topics(await _counts(admin))
    birth = None if missing else await read_birth(cluster)
    if birth is None:
        names = ", ".join(topic.name for topic in missing) or META
        raise Unavailable(f"Kafka at {cluster.bootstrap} has no topics {names}: `caas topics` makes them")
    return birth.epoch


async def read_birth(cluster: Cluster) -> Birth | None:
    """The last record under `KEY`. Raises `Unavailable`."""
    consumer = await cluster.consumer()
    try:
        return await _last(consumer, TopicPartition(META, 0))
    except DOWN as error:
        raise Unavailable(f"{META}: {error!r}") from error
    finally:
        await close(consumer)


async def _last(consumer: Any, at: TopicPartition) -> Birth | None:
    consumer.assign([at])
    end = (await consumer.end_offsets([at]))[at]
    consumer.seek(at, (await consumer.beginning_offsets([at]))[at])
    last: Birth | None = None
    while await consumer.position(at) < end:
        for record in (await consumer.getmany(at, timeout_ms=1000)).get(at, ()):
            if record.key == KEY and record.value is not None:
                last = msgspec.json.decode(record.value, type=Birth)
    return last


async def write_birth(cluster: Cluster, birth: Birth) -> None:
    """Append the record under `KEY`. Raises `Unavailable`."""
    producer = await cluster.producer()
    try:
        await producer.send_and_wait(META, msgspec.json.encode(birth), key=KEY, partition=0)
    except DOWN as error:
        raise Unavailable(f"{META}: {error!r}") from error
    finally:
        await producer.stop()
    logger.info("the log's epoch is %d%s", birth.epoch, ", its topics are being made" if birth.making else "")
