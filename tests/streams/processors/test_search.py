"""The search index has what its rows have, after any loss."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest

from core.health import Health
from core.ports.documents import DataLost, TableGeneration
from core.ports.event_log import Unavailable
from core.ports.search_index import Entry
from projections.search import search_documents
from projections.search.memory import MemorySearchIndex
from schemas.topics import MESSAGE_SENT, Partition, partitions
from streams.log.memory import MemoryLog
from streams.processors import search
from streams.processors.search import Search, lacking
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.worker import Worker
from tests.contracts.search_index import ids, query
from tests.eventually import eventually
from tests.streams.world import TENANT, World, edited, said

ROOM = "room 1"


class FrailIndex(MemorySearchIndex):
    """An index in memory that can be down, and lost after pages of a fill."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.on_put: list[str] = []

    async def put(self, generation: int, entries: Sequence[Entry]) -> None:
        if self.down:
            raise Unavailable("the index is down")
        await super().put(generation, entries)
        if self.on_put and self._states[generation].filling is not None:
            self.on_put.pop()
            await self.drop(generation)

    def put_back(self, generation: int, entries: Mapping[str, Entry], positions: Mapping[Partition, int]) -> None:
        """Replace the index without the worker's knowledge."""
        self._entries[generation] = dict(entries)
        self._states[generation].positions = dict(positions)


class Searched(World):
    """The world with one search worker."""

    def __init__(self) -> None:
        super().__init__()
        self.index = FrailIndex()

    def processor(self, health: Health | None = None) -> Search:
        return Search(self.documents, self.index, health)

    @asynccontextmanager
    async def searching(self) -> AsyncIterator[None]:
        worker = Worker(self.processor(self.health), self.documents, self.emitter, self.health)
        task = asyncio.create_task(PlainRunner(worker, self.log, self.documents, self.health).run(1))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def found(self, text: str) -> list[str]:
        return await ids(self.index, 1, query(text, [ROOM], tenant=TENANT))

    async def finds(self, text: str, count: int) -> None:
        async def reached() -> bool:
            return len(await self.found(text)) == count

        await eventually(reached)

    async def filled(self, count: int = 20) -> None:
        await self.append(*(said(ROOM, n, f"hello {n}") for n in range(count)))
        async with self.searching():
            await self.finds("hello", count)
            await self.caught_up()

    async def caught_up(self) -> None:
        ends = await self.log.end_offsets(partitions(*Search.topics))

        async def reached() -> bool:
            saved = await self.documents.checkpoints("search", 1)
            return all(saved.get(at, 0) for at, end in ends.items() if end)

        await eventually(reached)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Searched]:
    monkeypatch.setattr("streams.runtime.gate.CHECK_INTERVAL_S", 0.05)
    world = Searched()
    await world.log.start()
    yield world
    await world.log.stop()


async def test_index_deleted_without_a_worker_is_filled_from_the_rows(world: Searched) -> None:
    await world.filled()
    await world.index.drop(1)
    async with world.searching():
        await world.finds("hello", 20)
    assert world.health.counted["search_index_fills"] == 1
    assert await world.index.checkpoint(1, partitions(*Search.topics)) == await world.documents.checkpoints("search", 1)


async def test_index_deleted_under_an_idle_worker_is_filled_again(world: Searched) -> None:
    await world.filled()
    async with world.searching():
        await world.finds("hello", 20)
        await world.index.drop(1)
        with pytest.raises(Unavailable):
            await world.found("hello")
        await world.finds("hello", 20)


@pytest.mark.parametrize("how", ["deleted", "put back older"])
async def test_index_lost_between_two_batches_is_filled_by_the_next(
    world: Searched, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("streams.runtime.gate.CHECK_INTERVAL_S", 3600)
    await world.filled()
    async with world.searching():
        await world.finds("hello", 20)
        if how == "deleted":
            await world.index.drop(1)
        else:
            world.index.put_back(1, {}, {})
        await world.append(said(ROOM, 20, "hello 20"))
        await world.finds("hello", 21)


async def test_restored_older_index_is_filled_again(world: Searched) -> None:
    await world.filled()
    entries, positions = dict(world.index._entries[1]), dict(world.index._states[1].positions)
    await world.append(said(ROOM, 20, "hello 20"), edited(ROOM, 3, "bye"))
    async with world.searching():
        await world.finds("bye", 1)
        await world.finds("hello", 20)
    world.index.put_back(1, entries, positions)
    assert await world.found("bye") == []
    async with world.searching():
        await world.finds("bye", 1)
        await world.finds("hello", 20)


async def test_emptied_index_is_filled_again(world: Searched) -> None:
    await world.filled()
    world.index.put_back(1, {}, {})
    async with world.searching():
        await world.finds("hello", 20)


async def test_index_ahead_of_restored_rows_is_kept_and_correct_in_the_end(world: Searched) -> None:
    await world.filled()
    world.documents.forget("search", 1)
    async with world.searching():
        await world.caught_up()
        await world.append(said(ROOM, 20, "hello 20"))
        await world.finds("hello", 21)
    assert world.health.counted["search_index_fills"] == 0


async def test_index_ahead_of_restored_rows_and_log_is_recreated(world: Searched) -> None:
    await world.filled(20)
    world.documents.forget("search", 1)
    world.log = MemoryLog()
    await world.log.start()
    await world.append(*(said(ROOM, n, f"hello {n}") for n in range(5)))
    async with world.searching():
        await world.caught_up()
        await world.finds("hello", 5)
        await world.append(edited(ROOM, 3, "bye"))
        await world.finds("bye", 1)


async def test_fill_does_not_need_the_log(world: Searched) -> None:
    await world.filled()
    await world.index.drop(1)
    await world.processor().check(1)
    assert len(await world.found("hello")) == 20


async def test_index_lost_while_it_is_filled_is_filled_from_the_beginning(
    world: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PAGE", 3)
    await world.filled()
    await world.index.drop(1)
    world.index.on_put = ["after the first page", "and again"]
    await world.processor().check(1)
    assert len(await world.found("hello")) == 20


async def test_lost_rows_fill_nothing_and_searches_fail(world: Searched) -> None:
    await world.filled()
    await world.index.drop(1)
    place = TableGeneration(search_documents.ROWS, 1)
    world.documents.lose(place)
    with pytest.raises(DataLost, match="caas rebuild search"):
        await world.processor().check(1)
    with pytest.raises(Unavailable):
        await world.found("hello")
    async with world.searching():
        await eventually(lambda: "search: tables" in world.health.waiting)


async def test_two_workers_fill_the_index_concurrently(world: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PAGE", 3)
    await world.filled()
    await world.index.drop(1)
    await asyncio.gather(world.processor().check(1), world.processor().check(1))
    assert len(await world.found("hello")) == 20


async def test_readiness_reports_the_progress_of_a_fill(world: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PAGE", 7)
    await world.filled()
    await world.index.drop(1)
    causes: list[str] = []

    class RecordingHealth(Health):
        def waits(self, what: str, cause: object) -> None:
            super().waits(what, cause)
            causes.append(f"{what}: {cause}")

    health = RecordingHealth()
    await world.processor(health).check(1)
    begins = "search: index: the index of generation 1 is missing or not complete: it is being"
    assert causes == [
        f"{begins} created",
        f"{begins} filled from search_docs, 7 rows done",
        f"{begins} filled from search_docs, 14 rows done",
        f"{begins} filled from search_docs, 20 rows done",
    ]
    assert health.ready


async def test_fill_continues_after_an_outage_of_the_index(world: Searched) -> None:
    await world.filled()
    await world.index.drop(1)
    world.index.down = True
    health = Health()
    filling = asyncio.create_task(world.processor(health).check(1))
    await eventually(lambda: "search: fill" in health.waiting and "search: index" in health.waiting)
    world.index.down = False
    await asyncio.wait_for(filling, 10)
    assert health.ready
    assert len(await world.found("hello")) == 20


async def test_new_system_has_a_complete_empty_index(world: Searched) -> None:
    with pytest.raises(Unavailable):
        await world.found("hello")
    await world.processor().prepare(1)
    assert await world.found("hello") == []


async def test_fill_skips_rows_without_their_message(world: Searched) -> None:
    await world.append(edited(ROOM, 1, "bye"), said(ROOM, 2, "hello"))
    async with world.searching():
        await world.finds("hello", 1)
        await world.caught_up()
    assert len(await world.documents.scan(TableGeneration(search_documents.ROWS, 1))) == 2
    await world.index.drop(1)
    await world.processor().check(1)
    assert len(await world.index.scan(1)) == 1


async def test_rows_without_a_checkpoint_are_filled(world: Searched) -> None:
    await world.filled()
    world.documents._checkpoints.clear()
    await world.index.drop(1)
    await world.processor().check(1)
    assert len(await world.found("hello")) == 20


def test_missing_records_are_reported_by_partition() -> None:
    sent, other = Partition(MESSAGE_SENT, 0), Partition(MESSAGE_SENT, 4)
    assert lacking({sent: 5}, {sent: 5}) is None
    assert lacking({sent: 9, other: 1}, {sent: 5}) is None
    assert lacking({sent: 4}, {sent: 5, other: 1}) == "lacks message.sent/0, message.sent/4"
    assert lacking(None, {}) == "is missing or not complete"
