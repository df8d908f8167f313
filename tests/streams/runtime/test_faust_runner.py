"""The parts of the Faust runner that work without a broker."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

from core.positions import position
from core.settings import Settings
from streams.processors.messages import Messages
from streams.runtime.faust_runner import assigned, faust_app, received, take
from streams.runtime.worker import Worker
from tests.streams.world import World


async def test_batch_has_all_queued_messages_up_to_the_limit() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    taking = asyncio.create_task(take(queue, 3))
    await queue.put(0)
    assert await taking == [0]
    for n in range(5):
        queue.put_nowait(n)
    assert await take(queue, 3) == [0, 1, 2]
    assert await take(queue, 3) == [3, 4]


def test_faust_message_is_converted_to_a_record() -> None:
    message = SimpleNamespace(
        topic="message.sent", partition=3, offset=9, key=b"k", value=b"v", headers={"a": b"1"}, timestamp=1.5
    )
    record = received(message, epoch=2)
    assert (record.topic, record.partition, record.offset, record.position) == ("message.sent", 3, 9, position(2, 9))
    assert (record.key, record.value, record.headers, record.timestamp_ms) == (b"k", b"v", (("a", b"1"),), 1500)


async def test_app_has_no_partitions_before_an_assignment(world: World, tmp_path: Path) -> None:
    worker = Worker(Messages(world.documents), world.documents, world.emitter, world.health)
    app = faust_app(worker, world.log, Settings(data=str(tmp_path)), slot="messages-0")
    assert app.conf.id == "caas-messages"
    assert assigned(app, worker.processor.topics) == []


async def test_rebalances_are_counted(world: World, tmp_path: Path) -> None:
    worker = Worker(Messages(world.documents), world.documents, world.emitter, world.health)
    app = faust_app(worker, world.log, Settings(data=str(tmp_path)))
    for _ in range(2):
        await app.on_partitions_assigned.send(set())
    assert world.health.counted["rebalances_messages"] == 2
