"""Appends are bounded while Kafka does not answer, and a producer that lost its place is replaced, not repaired."""

import asyncio
import logging
from functools import lru_cache
from typing import Final

from aiokafka import AIOKafkaProducer

from core.damage import Damage
from core.health import Health
from core.ports.event_log import Unavailable
from core.positions import ADOPT, LogMismatch
from core.retry import retry_until_available
from schemas.envelope import Record
from schemas.topics import TOPICS, Partition, partition_of, partitions
from streams.log.kafka.client import CLOSE_S, MAX_RECORD, Cluster, abandon
from streams.log.kafka.partition_producer import Load, PartitionProducer

logger: Final = logging.getLogger("caas.log.kafka")

BEAT_S: Final = 0.1
STALLED_BEATS: Final = 5
MAX_WAITING: Final = 1_000
MAX_WAITING_BYTES: Final = 8 << 20
MAX_BYTES: Final = 64 << 20
"""What may wait in any case: more than half a second of the fastest node."""
OVERHEAD: Final = 512
"""About what headers and bookkeeping add to a record."""
LAST_CLOSE_S: Final = 1.0
"""When no other producer follows, what is still on its way may arrive when it likes."""


class Broken(Exception):
    """A batch failed. The sequence of its partition has a hole, and Kafka will refuse all that follows."""


class Appends:
    """All lanes of one process and the producer that serves them.

    An append is refused at once with `Unavailable` when 1,000 appends or 8 MiB are waiting **and** Kafka stands still:
    nothing was answered for 500 ms, or nothing of this partition was (its leader is gone while others work). Before
    that any number is on its way: that is load, not an outage. 64 MiB are never exceeded. The 500 ms are five beats
    of this loop, so that a loop that was held up itself does not take that for an outage of Kafka.
    """

    def __init__(self, cluster: Cluster, epoch: int, timeout_s: float, damage: Damage) -> None:
        self._cluster = cluster
        self._damage = damage
        self._timeout_s = timeout_s
        self._load = Load()
        self._loop = asyncio.get_running_loop()
        self._broken: asyncio.Future[None] = self._loop.create_future()
        self._lanes = {
            at: PartitionProducer(at, epoch, self._load, self._breaks, self._cut) for at in partitions(*TOPICS)
        }
        # Keys repeat, and murmur2 in Python costs more than the rest of an append.
        self._partition_of = lru_cache(maxsize=1 << 16)(partition_of)
        self._open = True

    def append(self, record: Record) -> asyncio.Future[int]:
        """Line a record up; its position, or `Unavailable`, `OutcomeUnknown`, ValueError when it is too large."""
        future: asyncio.Future[int] = self._loop.create_future()
        key, value = record.key, record.value
        at = self._partition_of(record.topic, key) if key is not None else Partition(record.topic, 0)
        size = (len(value) if value is not None else 0) + (len(key) if key is not None else 0) + OVERHEAD
        now = self._loop.time()
        if size > MAX_RECORD:
            future.set_exception(ValueError(f"a record of {size} bytes is larger than the log takes"))
        elif not self._open:
            future.set_exception(Unavailable("the log is closed"))
        elif self._full() and self._refused(self._lanes[at]):
            future.set_exception(Unavailable(f"Kafka stands still and {self._load.appends} appends wait"))
        else:
            self._lanes[at].append(record, future, now, size)
        return future

    def _full(self) -> bool:
        return self._load.appends >= MAX_WAITING or self._load.bytes >= MAX_WAITING_BYTES

    def _refused(self, lane: PartitionProducer) -> bool:
        return max(lane.still, self._load.still) >= STALLED_BEATS or self._load.bytes >= MAX_BYTES

    async def serve(self, producer: AIOKafkaProducer) -> None:
        """Send what is appended, for ever: with this producer, and when it breaks with the next."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="kafka appends: timeouts")
            while True:
                await self._serve_with(producer)
                producer = await retry_until_available("a Kafka producer", self._cluster.producer, Health())

    async def _serve_with(self, producer: AIOKafkaProducer) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for at, lane in self._lanes.items():
                    group.create_task(lane.pump(producer), name=f"kafka appends: {at.topic} {at.number}")
                group.create_task(self._break(), name="kafka appends: health of the producer")
        except* Broken as broken:
            logger.error("the Kafka producer is replaced: %r", broken.exceptions[0])
        finally:
            # Lanes are told first: what the old producer was given must not count as waiting for the next one.
            for lane in self._lanes.values():
                lane.lost()
            await abandon(producer, CLOSE_S if self._open else LAST_CLOSE_S)

    def _breaks(self, error: BaseException) -> None:
        if not self._broken.done():
            self._broken.set_exception(Broken(repr(error)))

    def _cut(self, found: str) -> None:
        """Nothing more is taken, and the process ends."""
        self._damage.report(LogMismatch(f"the log has lost its end while it was written: {found}; {ADOPT}"))
        self.close()

    async def _break(self) -> None:
        try:
            await self._broken
        finally:
            self._broken = self._loop.create_future()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._load.still = self._load.still + 1 if self._load.appends else 0
            for lane in self._lanes.values():
                lane.beat(self._loop.time() - self._timeout_s)

    async def flush(self) -> None:
        """Take no more, wait until all is answered."""
        self._open = False
        while self._load.appends:  # noqa: ASYNC110 - a timeout of the caller's ends it
            await asyncio.sleep(0.005)

    def close(self) -> None:
        """Answer whatever still waits."""
        self._open = False
        for lane in self._lanes.values():
            lane.close()
