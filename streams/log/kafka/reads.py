"""Reading has no state but the next offset of each partition, so that a failed consumer is replaced without loss."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from core.health import Health
from core.outages import REPEATS
from core.ports.event_log import LogTruncated, Received, Unavailable
from core.positions import position
from core.retry import retry_until_available
from schemas.topics import Partition
from streams.log.kafka.client import DOWN, Cluster, close, topic_partitions
from streams.log.kafka.offsets import Coalesced

logger: Final = logging.getLogger("caas.log.kafka")

POLL_MS: Final = 500
SILENCE_S: Final = 10.0
"""Seconds without a record after which the ends are compared: a consumer that does not move while the log grows is a
zombie.
"""
RETRY_INTERVAL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Source:
    """What all reads of a log share."""

    cluster: Cluster
    epoch: int
    beginning_offsets: Coalesced
    end_offsets: Coalesced


class Reading:
    """One read, from the `start` offsets up to `until`, where a partition has such a bound."""

    def __init__(self, source: Source, start: Mapping[Partition, int], until: Mapping[Partition, int] | None) -> None:
        self._source = source
        self._at = dict(start)
        self._until = {} if until is None else {place: end for place, end in until.items() if place in start}
        self._endless = until is None
        self._last_record_at = 0.0

    def _has_more(self) -> bool:
        return bool(self._at) and (self._endless or any(self._at[place] < end for place, end in self._until.items()))

    def _unfinished(self) -> list[Partition]:
        return [place for place, offset in self._at.items() if offset < self._until.get(place, offset + 1)]

    async def batches(self, limit: int) -> AsyncIterator[Sequence[Received]]:
        """Yield the records from the next offsets on, with as many consumers as it takes. Raises `LogTruncated`."""
        while self._has_more():
            consumer = await retry_until_available("a Kafka reader", self._source.cluster.consumer, Health())
            try:
                self._assign(consumer)
                while self._has_more():
                    batch = self._advance(consumer, await consumer.getmany(timeout_ms=POLL_MS, max_records=limit))
                    if batch:
                        yield batch
                    elif await self._is_zombie():
                        logger.error("a Kafka consumer does not move while the log grows: it is replaced")
                        break
            except OffsetOutOfRangeError as error:
                await self._check_range(error)
            except DOWN as error:
                logger.warning("a Kafka consumer is replaced: %r", error, extra=REPEATS)
                await asyncio.sleep(RETRY_INTERVAL_S)
            finally:
                await close(consumer)

    def _assign(self, consumer: AIOKafkaConsumer) -> None:
        self._last_record_at = asyncio.get_running_loop().time()
        consumer.assign(topic_partitions(self._unfinished()))
        for place in self._unfinished():
            consumer.seek(TopicPartition(*place), self._at[place])

    def _advance(self, consumer: AIOKafkaConsumer, found: Mapping[Any, Sequence[Any]]) -> list[Received]:
        batch: list[Received] = []
        for at, records in found.items():
            place = Partition(at.topic, at.partition)
            end = self._until.get(place)
            if end is not None and records[-1].offset >= end - 1:
                consumer.pause(at)
                records = [record for record in records if record.offset < end]  # noqa: PLW2901
                self._at[place] = end
            else:
                self._at[place] = records[-1].offset + 1
            batch.extend(self._received(record) for record in records)
        if batch:
            self._last_record_at = asyncio.get_running_loop().time()
        return batch

    def _received(self, record: Any) -> Received:
        return Received(
            record.topic,
            record.partition,
            record.offset,
            position(self._source.epoch, record.offset),
            record.key,
            record.value,
            _headers(record.headers),
            record.timestamp,
        )

    async def _is_zombie(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now - self._last_record_at < SILENCE_S:
            return False
        self._last_record_at = now
        left = self._unfinished()
        try:
            ends = await self._source.end_offsets(left)
        except Unavailable:
            return False  # Kafka itself does not answer.
        return any(ends[place] > self._at[place] for place in left)

    async def _check_range(self, error: OffsetOutOfRangeError) -> None:
        """Check a broker's "out of range": one that was frozen may answer so although the log has grown."""
        left = self._unfinished()
        try:
            begins, ends = await self._source.beginning_offsets(left), await self._source.end_offsets(left)
        except Unavailable:
            await asyncio.sleep(RETRY_INTERVAL_S)
            return
        for place in left:
            if not begins[place] <= self._at[place] <= ends[place]:
                raise LogTruncated(
                    f"{place.topic} {place.number} keeps {begins[place]} to {ends[place]}, not {self._at[place]}"
                ) from error
        await asyncio.sleep(RETRY_INTERVAL_S)


def _headers(found: tuple[tuple[str, bytes | None], ...]) -> tuple[tuple[str, bytes], ...]:
    """Return headers in our form: a foreign writer's header without a value gets an empty one."""
    for _, value in found:
        if value is None:
            return tuple((name, b"" if value is None else value) for name, value in found)
    return found  # type: ignore[return-value]
