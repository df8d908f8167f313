"""Invalid records never stop a partition: they become dead letters, and the next record gets the right number."""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from core.ports.event_log import Received
from edge.composition.compose import Adapters
from edge.tools.transcript import transcript
from projections.generations import read_pointer
from projections.messages import message_rows
from schemas.envelope import Headers
from schemas.topics import DEAD_LETTER, MESSAGE_SENT, Partition, partitions
from streams.runtime.record_decoder import KEPT_BYTES, MAX_DEAD_LETTER_BYTES
from tests.e2e.processes import Process
from tests.eventually import eventually
from tests.stack.live import Live, health_of, new_room, partition_of_room, read_whole, rows_of, saved
from tests.streams.world import TENANT, edited, said

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

BROKER_TAKES = 1_048_588
"""Default `message.max.bytes` of a broker: more than our own producers ever send."""

GARBAGE: dict[str, tuple[bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]] = {
    "no headers": (b"key", b"value", ()),
    "no key": (None, b"value", ()),
    "tombstone": (b"key", None, ()),
    "nothing at all": (None, None, ()),
    "100 KB at random": (b"key", os.urandom(100_000), ()),
    "as large as a broker takes": (b"key", os.urandom(BROKER_TAKES - 500), ()),
    "large headers": (b"key", b"value", (("x", os.urandom(BROKER_TAKES - 500)),)),
    "a header without value": (b"key", b"value", (("ce_id", None),)),
    "a header twice": (b"key", b"value", (("x", b"1"), ("x", b"2"))),
    "headers that are not UTF-8": (b"key", b"value", (("ce_id", b"\xff"), ("ce_type", b"\xff"))),
}


@pytest.fixture(scope="module", params=["faust", "plain"])
def worker(live: Live, request: pytest.FixtureRequest) -> Iterator[Process]:
    """One worker on each runner; it survives all tests."""
    process = live.worker("--runner", request.param)
    yield process
    assert process.ready(), "it died of the poison"
    assert process.stop() == 0


@dataclass
class Poisoner:
    """Writes any record to a room's partition of `message.sent`, as any program may."""

    found: Adapters
    producer: AIOKafkaProducer
    room: str
    dead_from: dict[Partition, int]

    async def put(self, key: bytes | None, value: bytes | None, headers: Any = ()) -> int:
        batch = self.producer.create_batch()
        assert batch.append(key=key, value=value, timestamp=None, headers=list(headers)) is not None
        done = await self.producer.send_batch(batch, MESSAGE_SENT, partition=partition_of_room(self.room))
        return int((await done).offset)

    async def say(self, n: int) -> None:
        record = said(self.room, n)
        await self.put(record.key, record.value, record.headers)

    async def dead(self, count: int) -> dict[int, Received]:
        """Return the dead letters of this test by their original offset; each is unique. They are written after the
        save.
        """

        async def all_written() -> bool:
            ends = await self.found.log.end_offsets(self.dead_from)
            return sum(ends.values()) - sum(self.dead_from.values()) >= count

        await eventually(all_written)
        letters = await read_whole(self.found, DEAD_LETTER, self.dead_from)
        assert {dict(letter.headers)["__streams.errors.topic"] for letter in letters} <= {b"message.sent"}
        by_offset = {int(dict(letter.headers)["__streams.errors.offset"]): letter for letter in letters}
        assert len(by_offset) == len(letters)
        return by_offset


@pytest.fixture
async def poisoner(live: Live) -> AsyncIterator[Poisoner]:
    async with live.adapters() as found, producing(live) as producer:
        yield Poisoner(found, producer, new_room(), await found.log.end_offsets(partitions(DEAD_LETTER)))


@asynccontextmanager
async def producing(live: Live) -> AsyncIterator[AIOKafkaProducer]:
    bootstrap = live.system.environment["CAAS_KAFKA_BOOTSTRAP"]
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=2 * BROKER_TAKES)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def test_garbage_becomes_a_dead_letter_without_a_number(worker: Process, poisoner: Poisoner) -> None:
    put: dict[str, int] = {}
    await poisoner.say(0)
    for n, (name, (key, value, headers)) in enumerate(GARBAGE.items(), 1):
        put[name] = await poisoner.put(key, value, headers)
        await poisoner.say(n)
    await saved(poisoner.found)
    rows = await rows_of(poisoner.found, poisoner.room)
    assert [(row["sent"]["n"], row["sent"]["text"]) for row in rows] == [
        (n + 1, f"text {n}") for n in range(len(GARBAGE) + 1)
    ]
    dead = await poisoner.dead(len(GARBAGE))
    assert sorted(dead) == sorted(put.values())
    for name, offset in put.items():
        is_set_aside(name, dead[offset], partition_of_room(poisoner.room))
    assert worker.ready() and health_of(worker)["counted"]["messages_records"] >= 2 * len(GARBAGE) + 1


def is_set_aside(name: str, letter: Received, partition: int) -> None:
    key, value, headers = GARBAGE[name]
    why = dict(letter.headers)
    assert (why["__streams.errors.partition"], why["caas_dlq_projection"]) == (str(partition).encode(), b"messages")
    assert why["caas_dlq_code"] == b"foreign" and why["__streams.errors.message"]
    size = len(key or b"") + len(value or b"") + sum(len(one) + len(other or b"") for one, other in headers)
    if size > MAX_DEAD_LETTER_BYTES:
        assert why["caas_dlq_cut"] == str(size).encode()
        assert letter.value == (None if value is None else value[:KEPT_BYTES])
    else:
        assert (letter.key, letter.value) == (key, value)
        assert as_read(letter.headers)[: len(headers)] == as_read(headers)


def as_read(headers: Headers | tuple[tuple[str, bytes | None], ...]) -> list[tuple[str, bytes]]:
    """Return headers in our form: Kafka's may lack a value, ours is empty."""
    return [(name, value or b"") for name, value in headers]


async def test_broken_body_is_numbered_as_unreadable_and_the_conversation_continues(
    worker: Process, poisoner: Poisoner
) -> None:
    await poisoner.say(0)
    bodies = {said(poisoner.room, 1): b"{broken", said(poisoner.room, 2): None}
    offsets = [await poisoner.put(record.key, body, record.headers) for record, body in bodies.items()]
    await poisoner.say(3)
    await poisoner.found.log.append(edited(poisoner.room, 3, "better"))
    await saved(poisoner.found)
    rows = await rows_of(poisoner.found, poisoner.room)
    assert [(row["sent"]["n"], row["sent"].get("unreadable", False)) for row in rows] == [
        (1, False),
        (2, True),
        (3, True),
        (4, False),
    ]
    lines = await lines_of(poisoner)
    assert [(line["seq"], line["text"], line["sender"]) for line in lines] == [
        (1, "text 0", "ann"),
        (2, None, "ann"),
        (3, None, "ann"),
        (4, "better", "ann"),
    ]
    dead = await poisoner.dead(len(offsets))
    assert sorted(dead) == offsets
    assert {dict(letter.headers)["caas_dlq_code"] for letter in dead.values()} == {b"unreadable"}
    assert worker.ready()


async def test_too_large_headers_make_a_record_foreign(worker: Process, poisoner: Poisoner) -> None:
    large = said(poisoner.room, 0)
    correlation = ("correlation_id", secrets.token_urlsafe(300_000).encode())
    await poisoner.put(
        large.key, large.value, [one for one in large.headers if one[0] != correlation[0]] + [correlation]
    )
    await poisoner.say(1)
    await saved(poisoner.found)
    assert [row["sent"]["n"] for row in await rows_of(poisoner.found, poisoner.room)] == [1]
    assert worker.ready()


async def lines_of(poisoner: Poisoner) -> list[dict[str, Any]]:
    """Return the room's lines of `caas transcript`."""
    live = (await read_pointer(poisoner.found.documents, message_rows.MODEL)).live
    lines = [line async for line in transcript(poisoner.found.documents, TENANT, live, 1)]
    return [line for line in lines if line["conversation"] == poisoner.room]
