"""KafkaLog is the event log on Kafka: the adapter that combines appends, reads, offsets and the epoch."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer

from core.damage import Damage
from core.health import Health
from core.ports.event_log import Received, Unavailable
from core.retry import retry_until_available
from schemas.envelope import Record
from schemas.topics import Partition
from streams.log.kafka.appends import Appends
from streams.log.kafka.client import Cluster, close
from streams.log.kafka.offsets import DEADLINE_S, Coalesced
from streams.log.kafka.reads import Reading, Source
from streams.log.kafka.topics import EpochRecord, ready_epoch, write_epoch_record

logger: Final = logging.getLogger("caas.log.kafka")


class KafkaLog:
    """The port `EventLog` on Kafka. One per process and event loop.

    `timeout_s`: an append without an answer by then fails. `flush_s`: how long `stop` waits for appends. A partition
    in which Kafka writes where it had confirmed another record is reported to `damage`, and further appends fail.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        client_id: str = "caas",
        timeout_s: float = 30.0,
        flush_s: float = 10.0,
        health: Health | None = None,
        damage: Damage | None = None,
    ) -> None:
        self._damage = damage or Damage()
        self._cluster = Cluster(bootstrap, client_id)
        self._timeout_s = timeout_s
        self._flush_s = flush_s
        self._health = health or Health()
        self._epoch = 0
        self._appends: Appends | None = None
        self._source: Source | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def epoch(self) -> int:
        """The log's epoch."""
        return self._epoch

    async def start(self) -> None:
        """Wait for brokers and topics (made by `caas topics`), as `log` in `health`; read the epoch, connect."""
        if self._source is not None:
            return
        self._epoch = await retry_until_available("log", lambda: ready_epoch(self._cluster), self._health)
        short = int(DEADLINE_S * 1000)
        consumer = await retry_until_available("log", lambda: self._cluster.consumer(request_ms=short), self._health)
        try:
            producer = await retry_until_available("log", self._cluster.producer, self._health)
        except BaseException:
            await close(consumer)
            raise
        begins, ends = Coalesced(consumer.beginning_offsets), Coalesced(consumer.end_offsets)
        self._consumer, self._appends = consumer, Appends(self._cluster, self._epoch, self._timeout_s, self._damage)
        self._source = Source(self._cluster, self._epoch, begins, ends)
        self._own("kafka beginning offsets", begins.serve())
        self._own("kafka end offsets", ends.serve())
        self._own("kafka appends", self._appends.serve(producer))

    def _own(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Close the log: none of its tasks ends by itself: a failed one is a bug, and the log must not seem to work."""
        if not task.cancelled():
            logger.critical("%s ended: the log accepts no more appends", task.get_name(), exc_info=task.exception())
            if self._appends is not None:
                self._appends.close()

    async def stop(self) -> None:
        """Flush for at most `flush_s`; what cannot be flushed fails."""
        appends, consumer, tasks = self._appends, self._consumer, self._tasks
        self._source, self._consumer, self._tasks = None, None, []
        if appends is None or consumer is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._flush_s):
                await appends.flush()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        appends.close()
        await close(consumer)

    def append(self, record: Record) -> asyncio.Future[int]:
        """Append one record; the future has its position when all in-sync replicas have it."""
        if self._appends is None:
            future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            future.set_exception(Unavailable("the log has not started"))
            return future
        return self._appends.append(record)

    def read(
        self, start: Mapping[Partition, int], until: Mapping[Partition, int] | None = None, *, limit: int = 1000
    ) -> AsyncIterator[Sequence[Received]]:
        """Yield batches of up to `limit` records, from a separate consumer without a group. Raises `LogTruncated`."""
        return Reading(self._running(), start, until).batches(limit)

    async def raise_epoch(self, epoch: int) -> None:
        """Set this epoch, and restart the log. Raises ValueError where it is not greater."""
        if epoch <= self._epoch:
            raise ValueError(f"epoch {epoch} is not greater than {self._epoch}")
        await self.stop()
        await retry_until_available("log", lambda: write_epoch_record(self._cluster, EpochRecord(epoch)), self._health)
        await self.start()

    async def beginning_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the first offset kept of each partition, within 2 s."""
        return await self._running().beginning_offsets(partitions)

    async def end_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the next offset of each partition, within 2 s."""
        return await self._running().end_offsets(partitions)

    def _running(self) -> Source:
        if self._source is None:
            raise Unavailable("the log has not started")
        return self._source
