"""Live is a stack with an exclusive log, and `caas worker` processes on it."""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core import settings
from core.ports.documents import Row, TableGeneration
from core.ports.event_log import Received
from core.positions import offset_in
from edge.composition import compose
from edge.composition.compose import Adapters
from projections.generations import read_pointer
from projections.messages import message_rows
from schemas.envelope import Record
from schemas.topics import MESSAGE_SENT, Partition, partition_of, partitions
from tests.e2e.processes import Process, System, body_of, free_port, on_stack
from tests.eventually import eventually
from tests.stack.servers import servers_in

SHIFT = 4000
"""Port shift, so that it does not collide with a developer's stack, nor with those of other tests."""
LONG_S = 40


@dataclass
class Live:
    """The servers and the processes, by name, that the tests of live workers share."""

    system: System
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def worker(self, *arguments: str, model: str = "messages") -> Process:
        """Start `caas worker` of this model with more arguments, and return it when it is ready."""
        port, name = free_port(), f"{model}-{next(self._numbers)}"
        process = self.system.spawn(name, "worker", model, "--health-port", str(port), *arguments, port=port)
        process.wait_ready(60)
        return process

    @asynccontextmanager
    async def adapters(self) -> AsyncIterator[Adapters]:
        """Connect to the servers from this process."""
        async with compose.opened(compose.adapters(settings.load(self.system.environment), "caas-test")) as found:
            yield found


def health_of(worker: Process) -> dict[str, Any]:
    """Return the answer of `/health` of this worker."""
    assert worker.ready_url is not None
    found: dict[str, Any] = msgspec.json.decode(body_of(worker.ready_url.replace("/readyz", "/health")))
    return found


def new_room() -> str:
    """Return a new conversation id."""
    return secrets.token_hex(8)


async def rows_of(found: Adapters, room: str) -> list[Row]:
    """Return the rows of a conversation in the live generation, by number."""
    live = (await read_pointer(found.documents, message_rows.MODEL)).live
    return await found.documents.find(TableGeneration(message_rows.ROWS, live), "sent", [room], limit=10_000)


async def saved(found: Adapters) -> None:
    """Return when the live generation has passed the log's current ends."""
    places = partitions(*message_rows.LANE_OF)
    ends = await found.log.end_offsets(places)

    async def all_saved() -> bool:
        live = (await read_pointer(found.documents, message_rows.MODEL)).live
        positions = await found.documents.checkpoints(message_rows.MODEL, live)
        return all(offset_in(found.log.epoch, positions.get(at, 0)) >= end for at, end in ends.items())

    await eventually(all_saved, within=LONG_S)


async def read_whole(found: Adapters, topic: str, start: dict[Partition, int] | None = None) -> list[Received]:
    """Return all records of a topic, or those from `start` on."""
    places = partitions(topic)
    begin, ends = start or dict.fromkeys(places, 0), await found.log.end_offsets(places)
    return [record async for batch in found.log.read(begin, ends) for record in batch]


async def append(found: Adapters, records: Sequence[Record]) -> None:
    """Append these, in order, and return when they are durable."""
    await asyncio.gather(*(found.log.append(record) for record in records))


def partition_of_room(room: str) -> int:
    """Return the partition of its messages."""
    return partition_of(MESSAGE_SENT, room.encode()).number


@contextmanager
def live_on(directory: Path) -> Iterator[Live]:
    """Run a new stack with its topics and no workers; remove it at the end."""
    with on_stack(servers_in(directory / "stack", SHIFT), directory, {"CAAS_SESSION_TIMEOUT_MS": "6000"}) as system:
        yield Live(system)


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One stack for all tests of live workers."""
    with live_on(tmp_path_factory.mktemp("live")) as found:
        yield found
