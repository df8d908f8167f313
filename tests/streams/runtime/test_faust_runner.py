"""The parts of the Faust runner that need no broker."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

from core.positions import position
from core.settings import Settings
from streams.processors.messages import Messages
from streams.runtime.faust_runner import assigned, faust_app, received, take
from streams.runtime.worker import Worker
from tests.streams.world import World


async def test_a_batch_is_what_is_there_at_least_one_and_at_most_the_limit() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    taking = asyncio.create_task(take(queue, 3))
    await queue.put(0)
    assert await taking == [0]
    for n in range(5):
        queue.put_nowait(n)
    assert await take(queue, 3) == [0, 1, 2]
    assert await take(queue, 3) == [3, 4]


def test_a_message_is_the_record_it_is() -> None:
    message = SimpleNamespace(
        topic="message.sent", partition=3, offset=9, key=b"k", value=b"v", headers={"a": b"1"}, timestamp=1.5
    )
    record = received(message, epoch=2)
    assert (record.topic, record.partition, record.offset, record.position) == ("message.sent", 3, 9, position(2, 9))
    assert (record.key, record.value, record.headers, record.timestamp_ms) == (b"k", b"v", (("a", b"1"),), 1500)


async def test_the_app_reads_the_processors_topics_and_holds_nothing_before_it_was_assigned(
    world: World, tmp_path: Path
) -> None:
    worker = Worker(Messages(world.documents), world.documents, world.kept, world.health)
    app = faust_app(worker, world.log, Settings(data=str(tmp_path)), slot="messages-0")
    assert app.conf.id == "caas-messages"
    assert assigned(app, worker.processor.topics) == []
