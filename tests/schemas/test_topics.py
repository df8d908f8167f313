"""Keys are partitioned as in Kafka, so that any Kafka tool finds a record in the expected partition."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.topics import TOPICS, Partition, murmur2, partition_of

KAFKAS_OWN = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""From the tests of Kafka's Java client, as signed 32-bit integers."""


@pytest.mark.parametrize(("key", "hashed"), KAFKAS_OWN.items())
def test_murmur2_equals_kafkas(key: bytes, hashed: int) -> None:
    assert murmur2(key) == hashed & 0xFFFFFFFF


@given(st.binary(max_size=80), st.sampled_from(sorted(TOPICS)))
def test_a_record_has_the_partition_that_other_kafka_clients_choose(key: bytes, topic: str) -> None:
    every = list(range(TOPICS[topic].partitions))
    assert partition_of(topic, key) == Partition(topic, DefaultPartitioner()(key, every, every))


def test_the_topics_are_those_of_the_platform() -> None:
    day = topics.DAY_MS
    assert {(topic.name, topic.partitions, topic.retention_ms) for topic in TOPICS.values()} == {
        ("message.sent", 6, 7 * day),
        ("message.edited", 3, 7 * day),
        ("message.deleted", 3, 7 * day),
        ("message.delivered", 6, day),
        ("message.rejected", 3, day),
        ("conversation.updated", 3, 7 * day),
        ("user.action", 3, 7 * day),
        ("audit.log", 3, 30 * day),
        ("dead.letter", 3, 30 * day),
    }


def test_partitions_lists_every_one_of_the_named_topics() -> None:
    assert topics.partitions("message.edited", "message.deleted") == tuple(
        Partition(name, number) for name in ("message.edited", "message.deleted") for number in range(3)
    )
