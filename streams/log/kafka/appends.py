"""Appends bounds what waits while Kafka does not answer, and replaces a producer that failed; it repairs none."""

import asyncio
import logging
from typing import Final

from aiokafka import AIOKafkaProducer

from core.damage import Damage
from core.health import Health
from core.ports.event_log import Unavailable
from core.positions import ADOPT, LogMismatch
from core.retry import retry_until_available
from schemas.envelope import Record
from schemas.topics import TOPICS, partition_of, partitions
from streams.log.kafka.client import CLOSE_S, MAX_RECORD, Cluster, abandon
from streams.log.kafka.partition_producer import Load, PartitionProducer

logger: Final = logging.getLogger("caas.log.kafka")

CHECK_INTERVAL_S: Final = 0.1
STALLED_CHECKS: Final = 5
MAX_WAITING: Final = 1_000
MAX_WAITING_BYTES: Final = 8 << 20
MAX_BYTES: Final = 64 << 20
"""Maximum size of what waits in any case: more than half a second of the fastest node."""
OVERHEAD: Final = 512
"""Estimate of what headers and bookkeeping add to a record, in bytes."""
LAST_CLOSE_S: Final = 1.0
"""Timeout, in seconds, when no other producer follows: what is still in flight may arrive at any time."""


class Broken(Exception):
    """A batch failed. The sequence of its partition has a gap, and Kafka will reject all that follows."""


class Appends:
    """The partition producers of one process and the Kafka producer that serves them.

    An append fails at once with `Unavailable` when 1,000 appends or 8 MiB are waiting **and** Kafka does not answer:
    no answer for 500 ms, or none for this partition (its leader is gone while others work). Before that any number is
    in flight: that is load, not an outage. 64 MiB are never exceeded. The 500 ms are five checks of this loop, so that
    a loop that was blocked itself does not take that for an outage of Kafka.
    """

    def __init__(self, cluster: Cluster, epoch: int, timeout_s: float, damage: Damage) -> None:
        self._cluster = cluster
        self._damage = damage
        self._timeout_s = timeout_s
        self._load = Load()
        self._loop = asyncio.get_running_loop()
        self._broken: asyncio.Future[None] = self._loop.create_future()
        self._producers = {
            at: PartitionProducer(at, epoch, self._load, self._producer_failed, self._log_truncated)
            for at in partitions(*TOPICS)
        }
        self._open = True

    def append(self, record: Record) -> asyncio.Future[int]:
        """Queue a record; its position, or `Unavailable`, `OutcomeUnknown`, ValueError when it is too large."""
        future: asyncio.Future[int] = self._loop.create_future()
        key, value = record.key, record.value
        at = partition_of(record.topic, key)
        size = (len(value) if value is not None else 0) + (len(key) if key is not None else 0) + OVERHEAD
        now = self._loop.time()
        if size > MAX_RECORD:
            future.set_exception(ValueError(f"a record of {size} bytes is larger than the log accepts"))
        elif not self._open:
            future.set_exception(Unavailable("the log is closed"))
        elif self._full() and self._refused(self._producers[at]):
            future.set_exception(Unavailable(f"Kafka does not answer and {self._load.appends} appends wait"))
        else:
            self._producers[at].append(record, future, now, size)
        return future

    def _full(self) -> bool:
        return self._load.appends >= MAX_WAITING or self._load.bytes >= MAX_WAITING_BYTES

    def _refused(self, lane: PartitionProducer) -> bool:
        return max(lane.stalled_checks, self._load.stalled_checks) >= STALLED_CHECKS or self._load.bytes >= MAX_BYTES

    async def serve(self, producer: AIOKafkaProducer) -> None:
        """Send what is appended until cancelled: with this producer, and when it fails with the next."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="kafka appends: timeouts")
            while True:
                await self._serve_with(producer)
                producer = await retry_until_available("a Kafka producer", self._cluster.producer, Health())

    async def _serve_with(self, producer: AIOKafkaProducer) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for at, lane in self._producers.items():
                    group.create_task(lane.pump(producer), name=f"kafka appends: {at.topic} {at.number}")
                group.create_task(self._break(), name="kafka appends: health of the producer")
        except* Broken as broken:
            logger.error("the Kafka producer is replaced: %r", broken.exceptions[0])
        finally:
            # Before closing: what the old producer was given must not count as waiting for the next one.
            for lane in self._producers.values():
                lane.lost()
            await abandon(producer, CLOSE_S if self._open else LAST_CLOSE_S)

    def _producer_failed(self, error: BaseException) -> None:
        if not self._broken.done():
            self._broken.set_exception(Broken(repr(error)))

    def _log_truncated(self, found: str) -> None:
        """Accept no more appends, and end the process."""
        self._damage.report(LogMismatch(f"the log has lost its end while it was written: {found}; {ADOPT}"))
        self.close()

    async def _break(self) -> None:
        try:
            await self._broken
        finally:
            self._broken = self._loop.create_future()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            self._load.stalled_checks = self._load.stalled_checks + 1 if self._load.appends else 0
            for lane in self._producers.values():
                lane.fail_expired(self._loop.time() - self._timeout_s)

    async def flush(self) -> None:
        """Accept no more appends, and wait until all are answered."""
        self._open = False
        while self._load.appends:  # noqa: ASYNC110 - a timeout of the caller's ends it
            await asyncio.sleep(0.005)

    def close(self) -> None:
        """Complete every append that still waits."""
        self._open = False
        for lane in self._producers.values():
            lane.close()
