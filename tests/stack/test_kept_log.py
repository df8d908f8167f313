"""A log of an earlier version in Kafka: workers make the rows of the embedded system, nodes answer as it did, go on."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from core import settings
from core.health import Health
from core.ports.documents import Row
from core.ports.event_log import Received
from edge.composition import compose
from edge.composition.compose import Adapters
from projections.generations import read_pointer
from schemas.topics import TOPICS
from streams.rebuild.compare import Side, scanned
from tests.data.kept.continuing import assert_answers, say_more
from tests.data.kept.make import UNLIMITED
from tests.data.kept.questions import Node
from tests.data.kept.reading import VERSIONS, answers, records, unpack
from tests.e2e.processes import System, free_port, on_stack
from tests.stack.servers import servers_in

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name),
]

SHIFT = 7_000
"""Port shift, so that it does not collide with a developer's stack, nor with those of other tests."""
VERIFY_S = 120
STAGES = ("persisted", "delivered", "read")
"""The facets of a receipt."""


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """A new stack with empty topics, and no processes."""
    with on_stack(servers_in(tmp_path / "stack", SHIFT), tmp_path, UNLIMITED) as found:
        yield found


async def fill(bootstrap: str, kept: Sequence[Received]) -> None:
    """Write the records, each in its place, into topics that keep them however old they are."""
    forever = {"retention.ms": "-1"}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=forever) for name in TOPICS])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for one in kept:
            sent = await producer.send_and_wait(
                one.topic, one.value, one.key, one.partition, one.timestamp_ms, list(one.headers)
            )
            assert (sent.partition, sent.offset, sent.timestamp) == (one.partition, one.offset, one.timestamp_ms)
    finally:
        await producer.stop()


async def kept_models(found: Adapters) -> list[str]:
    """Return the read models that a kept system has: those of its version."""
    known = []
    for name in compose.PROCESSORS:
        live = (await read_pointer(found.documents, name)).live
        if await found.documents.checkpoints(name, live):
            known.append(name)
    return known


async def rows(found: Adapters, models: Sequence[str]) -> dict[str, list[Row]]:
    """Return the rows of every table of the live generations of these read models, by id."""
    every: dict[str, list[Row]] = {}
    for processor in compose.processors(found, models):
        side = Side(found.documents, (await read_pointer(found.documents, processor.name)).live)
        for table in processor.tables:
            every[f"{processor.name} {table.name}"] = [comparable(row) async for row in scanned(table, side, Health())]
    return every


def comparable(row: Row) -> Row:
    """Return a row, of receipts without the position of the last record: workers derive records again, and these change
    nothing else.
    """
    return {name: {"seq": part["seq"]} if name in STAGES else part for name, part in row.items()}


def start(system: System) -> Node:
    """Start one worker for all read models and a node; return it once both are ready."""
    port = free_port()
    system.spawn("worker", "worker", "--health-port", str(port), port=port).wait_ready(90)
    system.start({}, nodes=1)
    return Node(system.environment["CAAS_SOCKET_URLS"], system.environment["CAAS_TOKEN_SECRET"])


def verified(system: System) -> dict[str, Any]:
    """Wait until the read models have the whole log; return what differs."""
    found: dict[str, Any] = json.loads(system.run("verify", "--json", seconds=VERIFY_S))
    return found


async def test_log_in_kafka_gives_the_same_system_which_goes_on(version: Path, system: System, tmp_path: Path) -> None:
    kept, equal = answers(version), {name: [] for name in compose.PROCESSORS}
    await fill(system.environment["CAAS_KAFKA_BOOTSTRAP"], records(version))
    node = await asyncio.to_thread(start, system)
    assert await asyncio.to_thread(verified, system) == equal
    unpack(version, tmp_path / "kept")
    async with (
        compose.opened(compose.embedded(settings.load({"CAAS_DATA": str(tmp_path / "kept")}), "read")) as embedded,
        compose.opened(compose.adapters(settings.load(system.environment), "caas-test")) as stack,
    ):
        models = await kept_models(embedded)
        assert models[:5] == ["messages", "conversations", "inbox", "receipts", "search"]
        assert await rows(stack, models) == await rows(embedded, models)
    await assert_answers(node, kept)
    await say_more(node, kept)
    assert await asyncio.to_thread(verified, system) == equal
