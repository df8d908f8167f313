# Generated from schemas/topics.py by `python -m schemas.export`: do not edit.
"""The topics of the platform: names, partition counts and retention are fixed, keys are partitioned as in Kafka."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

DAY_MS: Final = 86_400_000
CACHED_KEYS: Final = 65_536
"""Number of keys whose partition is cached: murmur2 in Python costs as much as all the rest of an append."""


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: `key` names the field that records are keyed by, retention is in milliseconds."""

    name: str
    key: str
    partitions: int
    retention_ms: int

    def all_partitions(self) -> tuple[Partition, ...]:
        """Return every partition, in order."""
        return tuple(Partition(self.name, number) for number in range(self.partitions))


MESSAGE_SENT: Final = "message.sent"
MESSAGE_EDITED: Final = "message.edited"
MESSAGE_DELETED: Final = "message.deleted"
MESSAGE_DELIVERED: Final = "message.delivered"
MESSAGE_REJECTED: Final = "message.rejected"
CONVERSATION_UPDATED: Final = "conversation.updated"
USER_ACTION: Final = "user.action"
AUDIT_LOG: Final = "audit.log"
DEAD_LETTER: Final = "dead.letter"

TOPICS: Final = {
    topic.name: topic
    for topic in (
        Topic(MESSAGE_SENT, "conversation_id", 6, 7 * DAY_MS),
        Topic(MESSAGE_EDITED, "conversation_id", 3, 7 * DAY_MS),
        Topic(MESSAGE_DELETED, "conversation_id", 3, 7 * DAY_MS),
        Topic(MESSAGE_DELIVERED, "conversation_id", 6, DAY_MS),
        Topic(MESSAGE_REJECTED, "user_id", 3, DAY_MS),
        Topic(CONVERSATION_UPDATED, "conversation_id", 3, 7 * DAY_MS),
        Topic(USER_ACTION, "per event", 3, 7 * DAY_MS),
        Topic(AUDIT_LOG, "tenant", 3, 30 * DAY_MS),
        Topic(DEAD_LETTER, "as the record that died", 3, 30 * DAY_MS),
    )
}


def partitions(*names: str) -> tuple[Partition, ...]:
    """Return every partition of the named topics."""
    return tuple(partition for name in names for partition in TOPICS[name].all_partitions())


@lru_cache(CACHED_KEYS)
def partition_of(topic: str, key: bytes | None) -> Partition:
    """Return the partition of a record with this key: murmur2, like Kafka's default partitioner; without one 0."""
    if key is None:
        return Partition(topic, 0)
    return Partition(topic, (murmur2(key) & 0x7FFFFFFF) % TOPICS[topic].partitions)


def murmur2(data: bytes) -> int:
    """Return Kafka's 32-bit murmur2 (org.apache.kafka.common.utils.Utils), as an unsigned integer."""
    length, m, mask = len(data), 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ length
    whole = length & ~3
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ (k >> 24)) * m & mask)
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)
