"""A worker takes batches through: read, save, emit, whatever is down, and nothing is skipped."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.ports.documents import DataLost, TableGeneration
from core.ports.effects import Effects
from core.positions import LogMismatch, position
from schemas.envelope import Record
from schemas.topics import DEAD_LETTER, MESSAGE_SENT, Partition
from streams.processors.messages import Messages
from streams.runtime.processor import Batch
from streams.runtime.worker import StoreBehindLog, Worker
from tests.eventually import eventually
from tests.streams.world import ROWS, World, lying, said

AT = Partition(MESSAGE_SENT, 0)


@pytest.fixture
async def worker(world: World) -> AsyncIterator[Worker]:
    worker = Worker(Messages(world.documents), world.documents, world.kept, world.health)
    await worker.begin(1, epoch=1)
    yield worker


async def test_a_batch_is_saved_with_its_checkpoint_and_emitted(world: World, worker: Worker) -> None:
    await worker.work([lying(said("room", n), n) for n in range(3)])
    assert await world.documents.checkpoints("messages", 1) == {AT: position(1, 3)}
    assert [push.n for push in world.kept.pushes] == [1, 2, 3]
    assert worker.next == {AT: 3}


async def test_nothing_in_nothing_out(world: World, worker: Worker) -> None:
    await worker.work([])
    assert await world.documents.checkpoints("messages", 1) == {}


async def test_a_batch_again_saves_the_same_rows_and_emits_the_same_ids(world: World, worker: Worker) -> None:
    batch = [lying(said("room", n), n) for n in range(3)]
    await worker.work(batch)
    rows, logged = await world.rows(1), list(world.kept.logged)
    await worker.work(batch)
    assert await world.rows(1) == rows
    assert world.kept.logged == [*logged, *logged]


async def test_a_record_beyond_what_is_saved_stops_the_worker(worker: Worker) -> None:
    await worker.work([lying(said("room", 0), 0)])
    with pytest.raises(StoreBehindLog, match="goes on at 2, saved up to 1"):
        await worker.work([lying(said("room", 2), 2)])


@pytest.mark.parametrize("epoch", [0, 2])
async def test_a_log_of_another_epoch_than_its_store_is_refused(world: World, worker: Worker, epoch: int) -> None:
    await worker.work([lying(said("room", 0), 0)])
    behind = Worker(Messages(world.documents), world.documents, world.kept, world.health)
    with pytest.raises(LogMismatch, match=f"messages was made from epoch 1 of the log, and this log is epoch {epoch}"):
        await behind.begin(1, epoch=epoch)


async def test_a_store_that_lost_saves_is_not_saved_on(world: World, worker: Worker) -> None:
    for n in range(3):
        await worker.work([lying(said("room", n), n)])
    before, pushes = await world.rows(1), len(world.kept.pushes)
    world.documents._checkpoints["messages", 1][AT] = position(1, 1)  # and whatever rows went with it
    with pytest.raises(StoreBehindLog, match="went back in time"):
        await worker.work([lying(said("room", 3), 3)])
    assert (await world.rows(1), len(world.kept.pushes)) == (before, pushes)
    assert worker.next == {AT: 1}
    await worker.work([lying(said("room", n), n) for n in range(1, 4)])
    assert await world.documents.checkpoints("messages", 1) == {AT: position(1, 4)}


async def test_rows_that_are_lost_stop_the_worker_and_nothing_is_emitted(world: World, worker: Worker) -> None:
    await worker.work([lying(said("room", 0), 0)])
    world.documents.lose(TableGeneration(ROWS, 1))
    with pytest.raises(DataLost, match="caas rebuild messages --replace"):
        await worker.work([lying(said("room", 1), 1)])
    assert [push.n for push in world.kept.pushes] == [1]
    assert await world.documents.checkpoints("messages", 1) == {AT: position(1, 1)}
    again = Worker(Messages(world.documents), world.documents, world.kept, world.health)
    assert await again.begin(1, epoch=1) == {AT: 1}


async def test_what_another_worker_saved_meanwhile_is_no_hole(world: World, worker: Worker) -> None:
    other = Worker(Messages(world.documents), world.documents, world.kept, world.health)
    await other.begin(1, epoch=1)
    await other.work([lying(said("room", 0), 0), lying(said("room", 1), 1)])
    await worker.work([lying(said("room", 2), 2)])
    assert [push.n for push in world.kept.pushes] == [1, 2, 3]


async def test_a_foreign_record_goes_to_the_dead_letters_and_takes_no_number(world: World, worker: Worker) -> None:
    foreign = lying(Record(MESSAGE_SENT, b"room", b"hello"), 0)
    await worker.work([foreign, lying(said("room", 1), 1)])
    dead = [record for record in world.kept.logged if record.topic == DEAD_LETTER]
    assert [record.value for record in dead] == [b"hello"]
    assert [push.n for push in world.kept.pushes] == [1]
    assert worker.next == {AT: 2}


class Breaking:
    """The messages processor with a bug: one text breaks its fold."""

    def __init__(self, world: World) -> None:
        self._messages = Messages(world.documents)
        self.name, self.version, self.topics = self._messages.name, 1, self._messages.topics
        self.tables, self.prepare, self.takes = self._messages.tables, self._messages.prepare, self._messages.takes

    async def apply(self, batch: Batch) -> Effects:
        if any(getattr(fact.event, "text", "") == "poison" for fact in batch.facts):
            raise ZeroDivisionError("a bug")
        return await self._messages.apply(batch)


async def test_what_breaks_the_fold_keeps_its_number_as_unreadable_and_the_others_go_on(world: World) -> None:
    worker = Worker(Breaking(world), world.documents, world.kept, world.health)
    await worker.begin(1, epoch=1)
    await worker.work([lying(said("room", n, text="poison" if n == 1 else ""), n) for n in range(3)])
    rows = (await world.rows(1))["messages"].values()
    assert sorted((row["sent"]["n"], row["sent"].get("unreadable", False)) for row in rows) == [
        (1, False),
        (2, True),
        (3, False),
    ]
    [dead] = [record for record in world.kept.logged if record.topic == DEAD_LETTER]
    assert dict(dead.headers)["caas_dlq_code"] == b"broken_fold"
    assert await world.documents.checkpoints("messages", 1) == {AT: position(1, 3)}


async def test_a_store_that_is_down_is_waited_for_and_readiness_says_so(world: World, worker: Worker) -> None:
    world.documents.down = True
    working = asyncio.create_task(worker.work([lying(said("room", 0), 0)]))
    await eventually(lambda: not world.health.ready)
    assert world.kept.pushes == []
    world.documents.down = False
    await asyncio.wait_for(working, 5)
    assert world.health.ready
    assert len(await world.documents.scan(TableGeneration(ROWS, 1))) == 1
