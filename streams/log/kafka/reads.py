"""A read holds no state but where each partition stands, so a consumer that fails is replaced and nothing is lost."""

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
"""After so long without a record the ends are compared: a consumer that stands while the log grows is a zombie."""
AGAIN_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Source:
    """What every read of a log shares."""

    cluster: Cluster
    epoch: int
    begins: Coalesced
    ends: Coalesced


class Reading:
    """One read: `at` is where each partition stands, `until` where those end that do."""

    def __init__(self, source: Source, start: Mapping[Partition, int], until: Mapping[Partition, int] | None) -> None:
        self._source = source
        self._at = dict(start)
        self._until = {} if until is None else {place: end for place, end in until.items() if place in start}
        self._endless = until is None
        self._heard = 0.0

    def _goes_on(self) -> bool:
        return bool(self._at) and (self._endless or any(self._at[place] < end for place, end in self._until.items()))

    def _left(self) -> list[Partition]:
        return [place for place, offset in self._at.items() if offset < self._until.get(place, offset + 1)]

    async def batches(self, limit: int) -> AsyncIterator[Sequence[Received]]:
        """The records from where it stands, over as many consumers as it takes. Raises `LogTruncated`."""
        while self._goes_on():
            consumer = await retry_until_available("a Kafka reader", self._source.cluster.consumer, Health())
            try:
                self._assign(consumer)
                while self._goes_on():
                    batch = self._advance(consumer, await consumer.getmany(timeout_ms=POLL_MS, max_records=limit))
                    if batch:
                        yield batch
                    elif await self._is_zombie():
                        logger.error("a Kafka consumer stands still while the log grows: it is replaced")
                        break
            except OffsetOutOfRangeError as error:
                await self._check_range(error)
            except DOWN as error:
                logger.warning("a Kafka consumer is replaced: %r", error, extra=REPEATS)
                await asyncio.sleep(AGAIN_S)
            finally:
                await close(consumer)

    def _assign(self, consumer: AIOKafkaConsumer) -> None:
        self._heard = asyncio.get_running_loop().time()
        consumer.assign(topic_partitions(self._left()))
        for place in self._left():
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
            self._heard = asyncio.get_running_loop().time()
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
        if now - self._heard < SILENCE_S:
            return False
        self._heard = now
        left = self._left()
        try:
            ends = await self._source.ends(left)
        except Unavailable:
            return False  # It is Kafka that stands still.
        return any(ends[place] > self._at[place] for place in left)

    async def _check_range(self, error: OffsetOutOfRangeError) -> None:
        """Whether a broker's "out of range" is true: one that was frozen may say so of a log that has grown since."""
        left = self._left()
        try:
            begins, ends = await self._source.begins(left), await self._source.ends(left)
        except Unavailable:
            await asyncio.sleep(AGAIN_S)
            return
        for place in left:
            if not begins[place] <= self._at[place] <= ends[place]:
                raise LogTruncated(
                    f"{place.topic} {place.number} keeps {begins[place]} to {ends[place]}, not {self._at[place]}"
                ) from error
        await asyncio.sleep(AGAIN_S)


def _headers(found: tuple[tuple[str, bytes | None], ...]) -> tuple[tuple[str, bytes], ...]:
    """Headers as we have them: a foreign writer's header without a value has an empty one."""
    for _, value in found:
        if value is None:
            return tuple((name, b"" if value is None else value) for name, value in found)
    return found  # type: ignore[return-value]
