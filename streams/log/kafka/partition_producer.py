"""PartitionProducer sends the appends of one partition to Kafka in order, in batches, and completes each once."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError, UnknownTopicOrPartitionError

from core.outages import Outage
from core.ports.event_log import OutcomeUnknown, Unavailable
from core.positions import position
from schemas.envelope import Record
from schemas.topics import Partition
from streams.log.kafka.client import MAX_RECORD

AHEAD: Final = 2
"""Number of batches handed over: one in flight and one ready behind it keep the connection busy; more would only make
batches smaller.
"""
RETRY_S: Final = 0.2


class Waiting(NamedTuple):
    """An append without an answer; `since` is the loop's clock, `size` about its bytes."""

    record: Record
    future: asyncio.Future[int]
    since: float
    size: int


@dataclass(slots=True)
class Load:
    """What waits in all partitions together. `stalled_checks` counts the checks since Kafka last answered anything."""

    appends: int = 0
    bytes: int = 0
    stalled_checks: int = 0

    def add(self, size: int) -> None:
        """Count one more append that waits."""
        self.appends += 1
        self.bytes += size

    def remove(self, appends: int, size: int) -> None:
        """Count these as not waiting any more."""
        self.appends -= appends
        self.bytes -= size


@dataclass(slots=True, eq=False)
class Batch:
    """Appends handed to the producer together; the first `answered` of them have failed with a timeout."""

    entries: list[Waiting]
    answered: int = 0


class PartitionProducer:
    """The appends of one partition. `on_failure` is called when a batch failed: the producer's sequence then has a gap;
    `on_truncation` when Kafka wrote where it had already confirmed another record: the partition has lost its end.

    `stalled_checks` counts the checks during which something waited here and nothing was answered.
    """

    def __init__(
        self,
        partition: Partition,
        epoch: int,
        load: Load,
        on_failure: Callable[[BaseException], None],
        on_truncation: Callable[[str], None],
    ) -> None:
        self._partition = partition
        self._first = position(epoch, 0)
        self._load = load
        self._on_failure = on_failure
        self._on_truncation = on_truncation
        self._end = 0
        self._queue: deque[Waiting] = deque()
        self._sent: deque[Batch] = deque()
        self._wake = asyncio.Event()
        self.stalled_checks = 0

    def append(self, record: Record, future: asyncio.Future[int], now: float, size: int) -> None:
        """Queue a record; the future is completed once."""
        self._queue.append(Waiting(record, future, now, size))
        self._load.add(size)
        self._wake.set()

    async def pump(self, producer: AIOKafkaProducer) -> None:
        """Hand over the waiting appends, in order, as long as this producer works."""
        while True:
            if self._queue and len(self._sent) < AHEAD:
                await self._send(producer)
            else:
                self._wake.clear()
                await self._wake.wait()

    async def _send(self, producer: AIOKafkaProducer) -> None:
        builder = producer.create_batch()
        batch = Batch([])
        self._fill(builder, batch.entries)
        if not batch.entries:
            return
        self._sent.append(batch)
        topic, number = self._partition
        outage = Outage(f"{topic} {number}", "Kafka")
        while True:
            try:
                answer = await producer.send_batch(builder, topic, partition=number)
            except (KafkaTimeoutError, UnknownTopicOrPartitionError) as error:
                # Raised before the producer took the batch, so that giving it again cannot repeat it.
                outage.begins(repr(error))
                await asyncio.sleep(RETRY_S)
            else:
                outage.ends()
                answer.add_done_callback(partial(self._complete, batch))
                return

    def _fill(self, builder: Any, entries: list[Waiting]) -> None:
        while self._queue:
            try:
                added = _added(builder, self._queue[0].record)
            except TypeError as error:  # Not bytes: this one fails, the others go on.
                self._fail([self._queue.popleft()], error)
                continue
            if added is None:
                return
            entry = self._queue.popleft()
            if added > MAX_RECORD:  # Only an empty batch accepts it, with headers; Kafka would reject that one.
                self._fail([entry], ValueError(f"a record of {added} bytes is larger than the log accepts"))
                return
            entries.append(entry)

    def _complete(self, batch: Batch, answer: asyncio.Future[Any]) -> None:
        """Apply the producer's answer: all appends of the batch get positions, or none is known to be in the log."""
        if batch not in self._sent:
            return  # `lost` has completed it
        self._sent.remove(batch)
        self._wake.set()
        error = asyncio.CancelledError() if answer.cancelled() else answer.exception()
        if error is not None:
            self._fail(batch.entries[batch.answered :], OutcomeUnknown(f"Kafka did not confirm it: {error!r}"))
            self._on_failure(error)
        elif (base := answer.result().offset) < 0:  # A repeat of a batch whose offset Kafka has forgotten.
            self._fail(batch.entries[batch.answered :], OutcomeUnknown("it is in the log, Kafka does not return where"))
        elif base < self._end:
            self._fail(batch.entries[batch.answered :], OutcomeUnknown("the log has lost its end"))
            topic, number = self._partition
            self._on_truncation(f"{topic} {number} was confirmed up to {self._end}, and Kafka now wrote at {base}")
        else:
            self._end = base + len(batch.entries)
            self._succeed(batch, self._first + base)

    def _succeed(self, batch: Batch, first: int) -> None:
        self._count(batch.entries[batch.answered :])
        self._load.stalled_checks = self.stalled_checks = 0
        for at, entry in enumerate(batch.entries, first):
            if not entry.future.done():
                entry.future.set_result(at)

    def fail_expired(self, before: float) -> None:
        """Fail every append that began to wait before this time; called at each check."""
        self.stalled_checks = self.stalled_checks + 1 if self._queue or self._sent else 0
        late: list[Waiting] = []
        while self._queue and self._queue[0].since < before:
            late.append(self._queue.popleft())
        self._fail(late, Unavailable("Kafka accepted no records in time"))
        for batch in self._sent:
            start = batch.answered
            while batch.answered < len(batch.entries) and batch.entries[batch.answered].since < before:
                batch.answered += 1
            self._fail(batch.entries[start : batch.answered], OutcomeUnknown("Kafka did not confirm it in time"))

    def lost(self) -> None:
        """Fail what the producer was given: it is gone, and the outcome is unknown."""
        while self._sent:
            batch = self._sent.popleft()
            self._fail(batch.entries[batch.answered :], OutcomeUnknown("the connection to Kafka was replaced"))

    def close(self) -> None:
        """Fail everything: nothing more will be sent."""
        self._fail(list(self._queue), Unavailable("the log is closed"))
        self._queue.clear()
        self.lost()

    def _fail(self, entries: list[Waiting], error: Exception) -> None:
        self._count(entries)
        for entry in entries:
            if not entry.future.done():
                entry.future.set_exception(type(error)(*error.args))  # a shared one would collect tracebacks

    def _count(self, entries: list[Waiting]) -> None:
        self._load.remove(len(entries), sum(entry.size for entry in entries))


def _added(builder: Any, record: Record) -> int | None:
    """Return the record's size in the batch, None where it does not fit; the first always does."""
    added = builder.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers))
    return None if added is None else int(added.size)
