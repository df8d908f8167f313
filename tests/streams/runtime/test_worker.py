"""A worker reads, saves and emits each batch; it waits for whatever is down, and skips nothing."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
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
from tests.streams.world import HEADS, ROWS, RecordingEmitter, World, said, stored

AT = Partition(MESSAGE_SENT, 0)


@pytest.fixture
async def worker(world: World) -> AsyncIterator[Worker]:
    worker = Worker(Messages(world.documents), world.documents, world.emitter, world.health)
    await worker.begin(1, epoch=1)
    yield worker


async def test_batch_is_saved_with_its_checkpoint_and_emitted(world: World, worker: Worker) -> None:
    await worker.work([stored(said("room", n), n) for n in range(3)])
    assert await world.documents.checkpoints("messages", 1) == {AT: position(1, 3)}
    assert [push.n for push in world.emitter.pushes] == [1, 2, 3]
    assert worker.next == {AT: 3}


async def test_batch_is_measured_and_its_age_is_known(world: World, worker: Worker) -> None:
    last = msgspec.structs.replace(stored(said("room", 1), 1), timestamp_ms=1_700)
    await worker.work([stored(said("room", 0), 0), last])
    assert sum(world.health.histogram("messages_batch").counts) == 1
    assert worker.recorded_ms == {AT: 1_700}
    await worker.begin(1, epoch=1)
    assert worker.recorded_ms == {}


async def test_dead_letters_are_counted_from_0(world: World, worker: Worker) -> None:
    assert "messages_dead_letters" in world.health.counted
    assert world.health.counted["messages_dead_letters"] == 0


async def test_empty_batch_saves_nothing(world: World, worker: Worker) -> None:
    await worker.work([])
    assert await world.documents.checkpoints("messages", 1) == {}


async def test_repeated_batch_saves_the_same_rows_and_emits_the_same_ids(world: World, worker: Worker) -> None:
    batch = [stored(said("room", n), n) for n in range(3)]
    await worker.work(batch)
    rows, logged = await world.rows(1), list(world.emitter.logged)
    await worker.work(batch)
    assert await world.rows(1) == rows
    assert world.emitter.logged == [*logged, *logged]


async def test_record_beyond_the_checkpoint_stops_the_worker(world: World, worker: Worker) -> None:
    await worker.work([stored(said("room", 0), 0)])
    with pytest.raises(StoreBehindLog, match="goes on at 2, saved up to 1"):
        await worker.work([stored(said("room", 2), 2)])
    assert world.health.counted["projection_gap_messages"] == 1


async def test_repeated_records_are_counted(world: World, worker: Worker) -> None:
    batch = [stored(said("room", n), n) for n in range(3)]
    await worker.work(batch)
    assert world.health.counted["projection_duplicate_messages"] == 0
    await worker.work([*batch[1:], stored(said("room", 3), 3)])
    assert world.health.counted["projection_duplicate_messages"] == 2
    assert world.health.counted["projection_drift_messages"] == 0


@pytest.mark.parametrize("epoch", [0, 2])
async def test_log_of_another_epoch_than_its_store_is_refused(world: World, worker: Worker, epoch: int) -> None:
    await worker.work([stored(said("room", 0), 0)])
    behind = Worker(Messages(world.documents), world.documents, world.emitter, world.health)
    with pytest.raises(LogMismatch, match=f"messages was made from epoch 1 of the log, and this log is epoch {epoch}"):
        await behind.begin(1, epoch=epoch)


async def test_worker_does_not_save_on_a_store_that_went_back(world: World, worker: Worker) -> None:
    for n in range(3):
        await worker.work([stored(said("room", n), n)])
    before, pushes = await world.rows(1), len(world.emitter.pushes)
    world.documents._checkpoints["messages", 1][AT] = position(1, 1)  # and whatever rows went with it
    with pytest.raises(StoreBehindLog, match="went back in time"):
        await worker.work([stored(said("room", 3), 3)])
    assert (await world.rows(1), len(world.emitter.pushes)) == (before, pushes)
    assert worker.next == {AT: 1}
    assert world.health.counted["projection_drift_messages"] == 1
    await worker.work([stored(said("room", n), n) for n in range(1, 4)])
    assert await world.documents.checkpoints("messages", 1) == {AT: position(1, 4)}


async def test_lost_rows_stop_the_worker_and_nothing_is_emitted(world: World, worker: Worker) -> None:
    await worker.work([stored(said("room", 0), 0)])
    world.documents.lose(TableGeneration(ROWS, 1))
    with pytest.raises(DataLost, match="caas rebuild messages --replace"):
        await worker.work([stored(said("room", 1), 1)])
    assert [push.n for push in world.emitter.pushes] == [1]
    assert await world.documents.checkpoints("messages", 1) == {AT: position(1, 1)}
    again = Worker(Messages(world.documents), world.documents, world.emitter, world.health)
    assert await again.begin(1, epoch=1) == {AT: 1}


async def test_records_saved_by_another_worker_are_not_a_gap(world: World, worker: Worker) -> None:
    other = Worker(Messages(world.documents), world.documents, world.emitter, world.health)
    await other.begin(1, epoch=1)
    await other.work([stored(said("room", 0), 0), stored(said("room", 1), 1)])
    await worker.work([stored(said("room", 2), 2)])
    assert [push.n for push in world.emitter.pushes] == [1, 2, 3]


async def test_foreign_record_becomes_a_dead_letter_without_a_number(world: World, worker: Worker) -> None:
    foreign = stored(Record(MESSAGE_SENT, b"room", b"hello"), 0)
    await worker.work([foreign, stored(said("room", 1), 1)])
    dead = [record for record in world.emitter.logged if record.topic == DEAD_LETTER]
    assert [record.value for record in dead] == [b"hello"]
    assert [push.n for push in world.emitter.pushes] == [1]
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


async def test_record_that_breaks_the_fold_is_numbered_as_unreadable(world: World) -> None:
    worker = Worker(Breaking(world), world.documents, world.emitter, world.health)
    await worker.begin(1, epoch=1)
    await worker.work([stored(said("room", n, text="poison" if n == 1 else ""), n) for n in range(3)])
    rows = (await world.rows(1))["messages"].values()
    assert sorted((row["sent"]["n"], row["sent"].get("unreadable", False)) for row in rows) == [
        (1, False),
        (2, True),
        (3, False),
    ]
    [dead] = [record for record in world.emitter.logged if record.topic == DEAD_LETTER]
    assert dict(dead.headers)["caas_dlq_code"] == b"broken_fold"
    assert await world.documents.checkpoints("messages", 1) == {AT: position(1, 3)}


async def test_dead_letter_is_the_record_that_breaks_the_fold_and_not_one_at_its_offset(world: World) -> None:
    worker = Worker(Breaking(world), world.documents, world.emitter, world.health)
    await worker.begin(1, epoch=1)
    broken, other = said("room", 0, text="poison"), said("lobby", 0)
    await worker.work([stored(broken, 0, at=0), stored(other, 0, at=1)])
    [dead] = [record for record in world.emitter.logged if record.topic == DEAD_LETTER]
    assert (dead.key, dead.value) == (broken.key, broken.value)


async def test_store_outage_is_waited_out_and_reported(world: World, worker: Worker) -> None:
    world.documents.down = True
    working = asyncio.create_task(worker.work([stored(said("room", 0), 0)]))
    await eventually(lambda: not world.health.ready)
    assert world.emitter.pushes == []
    world.documents.down = False
    await asyncio.wait_for(working, 5)
    assert world.health.ready
    assert len(await world.documents.scan(TableGeneration(ROWS, 1))) == 1


async def behind(world: World) -> Worker:
    """Return a worker whose checkpoints are saved behind, and which has saved offset 0."""
    world.saves_behind = True
    worker = world.worker()
    await worker.begin(1, epoch=1)
    await worker.work([stored(said("room", 0), 0)])
    return worker


async def test_pushes_go_out_before_the_checkpoint_and_what_is_logged_after_it(world: World) -> None:
    worker = await behind(world)
    logged = len(world.emitter.logged)
    durable = await worker.begin_batch([stored(said("room", 1), 1)])
    assert [push.n for push in world.emitter.pushes] == [1, 2]
    assert (await world.documents.get(TableGeneration(HEADS, 1), ["room"]))["room"]["sent"]["n"] == 2
    assert (await world.documents.checkpoints("messages", 1), len(world.emitter.logged)) == (
        {AT: position(1, 1)},
        logged,
    )
    await durable()
    assert await world.documents.checkpoints("messages", 1) == {AT: position(1, 2)}
    assert len(world.emitter.logged) == logged + 1


async def test_logged_effects_keep_their_order_whoever_waits_first(world: World) -> None:
    worker = await behind(world)
    logged = len(world.emitter.logged)
    first, second = [await worker.begin_batch([stored(said("room", n), n)]) for n in (1, 2)]
    await second()
    await first()
    names = [record.value for record in world.emitter.logged[logged:]]
    again = Worker(Messages(world.documents), world.documents, RecordingEmitter(), world.health)
    await again.begin(1, epoch=1)
    assert isinstance(again._emitter, RecordingEmitter)
    for n in (1, 2):
        await again.work([stored(said("room", n), n)])
    assert names == [record.value for record in again._emitter.logged]


async def test_saved_says_what_is_behind_too(world: World) -> None:
    worker = await behind(world)
    await worker.begin_batch([stored(said("room", 1), 1)])
    assert await worker.saved() == worker.next == {AT: 2}


async def test_store_that_lost_what_was_behind_is_begun_again(world: World) -> None:
    worker = await behind(world)
    durable = await worker.begin_batch([stored(said("room", 1), 1)])
    world.documents.forget("messages", 1)
    await durable()
    assert await worker.saved() == {}
    with pytest.raises(StoreBehindLog, match="went back in time"):
        await worker.work([stored(said("room", 2), 2)])
    await worker.work([stored(said("room", n), n) for n in range(3)])
    assert await world.documents.checkpoints("messages", 1) == {AT: position(1, 3)}
