"""Helpers for tests of logs: fresh keys, small records, and complete reads with a timeout."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from core.ports.event_log import EventLog, Received
from schemas.envelope import Record
from schemas.topics import (
    MESSAGE_SENT,
    TOPICS,
    Partition,
    partition_of,
)

TIMEOUT_S = 30


def fresh_key() -> bytes:
    return str(uuid4()).encode()


def record(key: bytes | None, value: bytes | None = b"{}", topic: str = MESSAGE_SENT, **headers: bytes) -> Record:
    return Record(topic, key, value, tuple(headers.items()))


def key_in(partition: Partition) -> bytes:
    """Return a new key of this partition."""
    while partition_of(partition.topic, key := fresh_key()) != partition:
        pass
    return key


async def append_all(log: EventLog, records: Iterable[Record]) -> list[int]:
    return await asyncio.wait_for(asyncio.gather(*(log.append(one) for one in records)), TIMEOUT_S)


@asynccontextmanager
async def reading(
    log: EventLog, start: Mapping[Partition, int], until: Mapping[Partition, int] | None = None, limit: int = 1000
) -> AsyncIterator[AsyncIterator[Sequence[Received]]]:
    """Read until the end of the block."""
    batches = log.read(start, until, limit=limit)
    try:
        yield batches
    finally:
        if isinstance(batches, AsyncGenerator):
            await batches.aclose()


async def whole(
    log: EventLog, start: dict[Partition, int], until: dict[Partition, int], limit: int = 1000
) -> list[Received]:
    """Return all records of a bounded read."""
    async with asyncio.timeout(TIMEOUT_S), reading(log, start, until, limit) as batches:
        return [one async for batch in batches for one in batch]


async def appended(log: EventLog, records: Sequence[Record]) -> list[Received]:
    """Append records of one topic, and read back all new records of the log, partition by partition."""
    everywhere = TOPICS[records[0].topic].all_partitions()
    before = await log.end_offsets(everywhere)
    await append_all(log, records)
    found = await whole(log, before, await log.end_offsets(everywhere))
    return sorted(found, key=lambda one: (one.partition, one.offset))


async def take(batches: AsyncIterator[Sequence[Received]], count: int) -> list[Received]:
    """Return at least `count` records of a live read."""
    found: list[Received] = []
    async with asyncio.timeout(TIMEOUT_S):
        while len(found) < count:
            found.extend(await anext(batches))
    return found
