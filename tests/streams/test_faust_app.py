"""The parts of the Faust runner that need no broker."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

from core.ports.documents import Place
from core.positions import position
from core.settings import Settings
from projections import messages
from schemas.topics import partition_of, partitions
from streams.faust_app import assigned, faust_app, received, take, work_whole
from streams.gate import Gate
from streams.processors.messages import Messages
from streams.worker import Worker
from tests.streams.world import World, said


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


async def test_records_that_faust_skips_are_read_from_the_log(world: World) -> None:
    room = "6f1d1f8a-0000-5000-8000-000000000001"
    for n in range(6):
        await world.log.append(said(room, n))
    worker = Worker(Messages(world.documents), world.documents, world.kept, world.health)
    await worker.begin(1, world.log.epoch)
    gate = Gate(worker, lambda: partitions(*worker.processor.topics))
    where = partition_of("message.sent", room.encode())
    async for batch in world.log.read({where: 0}, {where: 6}, limit=10):
        records = list(batch)
    await work_whole(gate, worker, world.log, [records[0]])
    await work_whole(gate, worker, world.log, [records[3], records[5]])
    rows = await world.documents.find(Place(messages.ROWS, 1), "sent", [room], limit=10)
    assert [row["sent"]["n"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert (await worker.saved())[where] == 6
