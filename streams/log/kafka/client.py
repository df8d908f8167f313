"""How every connection to Kafka is made and ended, and which of its errors mean that it is down."""

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
"""A broker that has not answered by then is asked anew, or the new leader is."""
CLOSE_S: Final = 8.0
MAX_RECORD: Final = 1_000_000
"""Kafka's `max.message.bytes` less its overhead. A record it refused would leave a hole in the sequence."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The brokers to ask first, `host:port,…`, and what we call ourselves in their logs."""

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
        """A started producer: idempotent, all replicas, no linger (under load batches grow by themselves)."""
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
        """A started consumer without group or partitions, which never resets an offset by itself."""
        consumer = AIOKafkaConsumer(
            **self._settings(request_ms),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            # A slow reader leaves one partition out of a fetch; this is how long that fetch may then keep it waiting.
            fetch_max_wait_ms=100,
        )
        return await _started(consumer, lambda: close(consumer))

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        """An admin client for a moment. Raises `Unavailable`."""
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
    """Stop a consumer for good, whatever state it is in.

    Its `stop` may end in a CancelledError of its own making when a fetch has just failed (aiokafka 0.14), before it
    has closed its connections; only then the private client is closed here.
    """

    async def stop() -> None:
        stopping = asyncio.create_task(consumer.stop(), name="stop a Kafka consumer")
        if not await _in_order(stopping, CLOSE_S):
            logger.info("a Kafka consumer did not stop in order")
            await consumer._client.close()

    await _whole(stop())


async def abandon(producer: AIOKafkaProducer, patience_s: float = CLOSE_S) -> None:
    """Stop a producer without waiting for what it cannot send.

    `stop` flushes first, which never ends while brokers are away. Nothing public ends that: the sender is closed
    (it waits for the answers that are on their way, so that nothing of it comes after the next producer's records),
    then what is left in the buffers is failed. A test stops the log during an outage.
    """

    async def stop() -> None:
        await _in_order(asyncio.create_task(producer._sender.close(), name="close a Kafka sender"), patience_s)
        producer._message_accumulator.fail_all(KafkaError("the producer is closed"))
        stopping = asyncio.create_task(producer.stop(), name="stop a Kafka producer")
        if not await _in_order(stopping, CLOSE_S):
            await producer.client.close()

    await _whole(stop())


async def _in_order(task: asyncio.Task[None], patience_s: float) -> bool:
    """Whether it ended without error in time; it has ended in any case."""
    await asyncio.wait({task}, timeout=patience_s)
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=1.0)
    return task.done() and not task.cancelled() and task.exception() is None


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """A clean-up to its end, also when we are cancelled meanwhile."""
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
    """The same partitions in the client's type."""
    return [TopicPartition(topic, number) for topic, number in partitions]
