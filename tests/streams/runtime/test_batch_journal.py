"""The journal has each batch of a worker, delays none where its store is away, and is written to its end."""

import asyncio
from collections.abc import Iterable

import pytest

from core.health import Health
from core.ports.documents import Changes, StoreBroken, TableGeneration
from core.ports.effects import already_durable
from core.ports.event_log import Unavailable
from core.positions import position
from projections.journal import batch_rows
from projections.journal.batch_rows import AppliedBatch, batches_of
from projections.stores.memory import MemoryDocuments
from schemas.topics import MESSAGE_SENT, Partition
from streams.runtime import batch_journal
from streams.runtime.batch_journal import BatchJournal
from streams.runtime.processor import Batch
from tests.eventually import eventually

AT, OTHER = Partition(MESSAGE_SENT, 1), Partition(MESSAGE_SENT, 2)


class Store(MemoryDocuments):
    """A store whose saves can fail."""

    failure: Exception | None = None
    prepared = False
    attempts = 0

    async def prepare(self, places: Iterable[TableGeneration]) -> None:
        await super().prepare(places)
        self.prepared = True

    async def save(self, changes: Changes) -> frozenset[str]:
        self.attempts += 1
        if self.failure is not None:
            raise self.failure
        return await super().save(changes)


class Noting:
    """A journal, its store and its clock."""

    def __init__(self) -> None:
        self.store, self.health, self.now = Store(), Health(), 100.0
        self.journal = BatchJournal(self.store, self.health, lambda: self.now)

    async def applied(self, first: int, after: int, at: Partition = AT, took_s: float = 0.010) -> None:
        begins = {at: position(1, first)} if first else {}
        batch = Batch([], "messages", 1, {at: position(1, after)}, begins)
        await self.journal.following(batch, 1, took_s, already_durable)()

    async def has_rows(self) -> bool:
        return bool(await self.rows())

    async def has_batches(self, count: int) -> bool:
        return sum(len(row) for rows in (await self.rows()).values() for row in rows) == count

    async def rows(self) -> dict[str, list[list[AppliedBatch]]]:
        found: dict[str, list[list[AppliedBatch]]] = {}
        for row in await self.store.scan(batch_rows.PLACE):
            found.setdefault(row["partition"], []).append(batches_of(row, 1))
        return found


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_journal, "WRITE_INTERVAL_S", 0.01)


@pytest.fixture
def noting() -> Noting:
    return Noting()


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def test_batches_of_a_partition_are_one_row(noting: Noting) -> None:
    await noting.applied(0, 3)
    noting.now = 101.0
    await noting.applied(3, 4, took_s=0.002)
    await noting.applied(7, 9, OTHER)
    task = asyncio.create_task(noting.journal.run())
    await eventually(noting.has_rows)
    await ended(task)
    assert await noting.rows() == {
        "message.sent/1": [
            [AppliedBatch(0, 3, 99_990, 100_000, 100_000), AppliedBatch(3, 4, 100_998, 101_000, 101_000)]
        ],
        "message.sent/2": [[AppliedBatch(7, 9, 100_990, 101_000, 101_000)]],
    }


async def test_batch_is_noted_when_its_effects_are_durable(noting: Noting) -> None:
    durable = asyncio.Event()

    async def wait() -> None:
        await durable.wait()

    async def emit() -> None:
        await noting.journal.following(Batch([], "messages", 1, {AT: position(1, 1)}), 1, 0.0, wait)()

    waiting = asyncio.create_task(emit())
    task = asyncio.create_task(noting.journal.run())
    await eventually(lambda: noting.store.prepared)
    assert await noting.rows() == {}
    noting.now = 105.0
    durable.set()
    await waiting
    await eventually(noting.has_rows)
    await ended(task)
    assert await noting.rows() == {"message.sent/1": [[AppliedBatch(0, 1, 100_000, 100_000, 105_000)]]}


async def test_rest_is_written_at_the_end(noting: Noting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_journal, "WRITE_INTERVAL_S", 60.0)
    task = asyncio.create_task(noting.journal.run())
    await eventually(lambda: noting.store.prepared)
    await noting.applied(0, 3)
    await ended(task)
    assert list(await noting.rows()) == ["message.sent/1"]


async def test_batches_wait_while_the_store_is_away(noting: Noting) -> None:
    noting.store.failure = Unavailable("down")
    await noting.applied(0, 3)
    task = asyncio.create_task(noting.journal.run())
    await eventually(lambda: noting.store.attempts > 1)
    noting.store.failure = None
    await eventually(noting.has_rows)
    await ended(task)
    assert noting.health.counted["journal_dropped"] == 0


async def test_what_the_store_refuses_is_counted_and_left_out(noting: Noting) -> None:
    noting.store.failure = StoreBroken("no")
    await noting.applied(0, 3)
    task = asyncio.create_task(noting.journal.run())
    await eventually(lambda: noting.health.counted["journal_dropped"] == 1)
    noting.store.failure = None
    await noting.applied(3, 4)
    await eventually(noting.has_rows)
    await ended(task)
    assert [row[0].first for row in (await noting.rows())["message.sent/1"]] == [3]


async def test_row_grows_for_a_minute(noting: Noting) -> None:
    task = asyncio.create_task(noting.journal.run())
    for n in range(3):
        await noting.applied(n, n + 1)
        await eventually(lambda n=n: noting.has_batches(n + 1))
    assert len((await noting.rows())["message.sent/1"]) == 1
    noting.now += 61
    await noting.applied(3, 4)
    await eventually(lambda: noting.has_batches(4))
    await ended(task)
    assert [len(row) for row in (await noting.rows())["message.sent/1"]] == [3, 1]


async def test_oldest_batches_are_left_out_in_a_long_outage(noting: Noting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_journal, "MAX_FULL", 1)
    monkeypatch.setattr(batch_journal, "MAX_IN_ROW", 1)
    for n in range(5):
        await noting.applied(n, n + 1)
    task = asyncio.create_task(noting.journal.run())
    await eventually(noting.has_rows)
    await ended(task)
    assert [row[0].first for row in (await noting.rows())["message.sent/1"]] == [3, 4]
    assert noting.health.counted["journal_dropped"] == 3
