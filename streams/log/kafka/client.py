"""This module opens and closes every connection to Kafka, and defines which errors mean that it is down."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from core.ports.event_log import Unavailable
from schemas.topics import Partition

logger: Final = logging.getLogger("caas.log.kafka")

DOWN: Final = (KafkaError, OSError, TimeoutError)
"""What aiokafka raises while brokers cannot be reached."""
REQUEST_MS: Final = 5_000
"""Request timeout, in milliseconds: then the broker, or the new leader, is asked again."""
CLOSE_S: Final = 8.0
MAX_RECORD: Final = 1_000_000
"""Maximum size of a record: Kafka's `max.message.bytes` less its overhead. A record that Kafka rejects would leave a
gap in the sequence.
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The bootstrap brokers, `host:port,…`, and our client id in their logs."""

    bootstrap: str
    client_id: str

    def _settings(self, request_ms: int) -> dict[str, Any]:
        return {
            "bootstrap_servers": self.bootstrap,
            "client_id": self.client_id,
            "request_timeout_ms": request_ms,
            "metadata_max_age_ms": 60_000,
        }

    async def producer(self) -> AIOKafkaProducer:
        """Return a started producer: idempotent, all replicas, no linger (under load batches grow by themselves)."""
        producer = AIOKafkaProducer(
            **self._settings(REQUEST_MS),
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            linger_ms=0,
            max_batch_size=256 << 10,
            max_request_size=MAX_RECORD,
        )
        return await _started(producer, producer.stop)

    async def consumer(self, *, request_ms: int = REQUEST_MS) -> AIOKafkaConsumer:
        """Return a started consumer without group or partitions, which never resets an offset by itself."""
        consumer = AIOKafkaConsumer(
            **self._settings(request_ms),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            # Maximum time that a fetch delays a slow reader whose partition it left out.
            fetch_max_wait_ms=100,
        )
        return await _started(consumer, lambda: close(consumer))

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        """Open an admin client for the block. Raises `Unavailable`."""
        admin = AIOKafkaAdminClient(**self._settings(REQUEST_MS))
        try:
            await admin.start()
            yield admin
        except DOWN as error:
            raise Unavailable(f"Kafka at {self.bootstrap}: {error!r}") from error
        finally:
            await admin.close()


async def _started(client: Any, stop: Any) -> Any:
    try:
        await client.start()
    except DOWN as error:
        await stop()
        raise Unavailable(f"Kafka: {error!r}") from error
    except BaseException:
        await stop()
        raise
    return client


async def close(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer permanently, whatever its state.

    Its `stop` may itself raise a CancelledError when a fetch has just failed (aiokafka 0.14), before it
    has closed its connections; only then the private client is closed here.
    """

    async def stop() -> None:
        stopping = asyncio.create_task(consumer.stop(), name="stop a Kafka consumer")
        if not await _ended_cleanly(stopping, CLOSE_S):
            logger.info("a Kafka consumer did not stop in order")
            await consumer._client.close()

    await _run_to_completion(stop())


async def abandon(producer: AIOKafkaProducer, timeout_s: float = CLOSE_S) -> None:
    """Stop a producer without waiting for what it cannot send.

    `stop` flushes first, which never ends while brokers are away. No public call ends that: the sender is closed (it
    waits for requests in flight, so that none of them arrives after the next producer's records), then what is left in
    the buffers is failed. A test stops the log during an outage.
    """

    async def stop() -> None:
        await _ended_cleanly(asyncio.create_task(producer._sender.close(), name="close a Kafka sender"), timeout_s)
        producer._message_accumulator.fail_all(KafkaError("the producer is closed"))
        stopping = asyncio.create_task(producer.stop(), name="stop a Kafka producer")
        if not await _ended_cleanly(stopping, CLOSE_S):
            await producer.client.close()

    await _run_to_completion(stop())


async def _ended_cleanly(task: asyncio.Task[None], timeout_s: float) -> bool:
    """Return whether the task ended without error in time; it has ended in any case."""
    await asyncio.wait({task}, timeout=timeout_s)
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=1.0)
    return task.done() and not task.cancelled() and task.exception() is None


async def _run_to_completion(work: Coroutine[Any, Any, None]) -> None:
    """Run a clean-up to its end, also when we are cancelled meanwhile."""
    task = asyncio.create_task(work, name="clean up after Kafka")
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError


def topic_partitions(partitions: Iterable[Partition]) -> list[TopicPartition]:
    """Return the same partitions in the client's type."""
    return [TopicPartition(topic, number) for topic, number in partitions]
