"""A conversation that is loaded from the read model, at any time, equals a fold of the whole log."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.health import Health
from core.ports.documents import Documents, Row, TableGeneration
from core.ports.event_log import Received, Unavailable
from core.ports.memberships import NotReady, ViewChange
from projections.conversations import conversation_rows
from projections.generations import Pointer, replace_pointer
from projections.stores.memory import MemoryDocuments
from projections.stores.sqlite import SqliteDocuments
from schemas.topics import CONVERSATION_UPDATED, Partition, partition_of
from streams.log.memory import LogStorage, MemoryLog
from streams.memberships import conversation_views, view_reader
from streams.rebuild.write_tracking import TrackedDocuments
from tests.eventually import eventually
from tests.streams.memberships.tailing import (
    ALL,
    HISTORY,
    PLACES,
    ROOMS,
    Interrupted,
    Step,
    TruncatedLog,
    append,
    logged,
    records,
    seen,
    steps,
    tailing,
    work,
)
from tests.streams.world import TENANT, FrailDocuments, joined, left, opened, titled

turns = st.lists(st.integers(0, 25), max_size=40)
sizes = st.lists(st.integers(0, 7), max_size=12)


@asynccontextmanager
async def in_memory() -> AsyncIterator[Documents]:
    yield MemoryDocuments()


@asynccontextmanager
async def in_sqlite() -> AsyncIterator[Documents]:
    with TemporaryDirectory() as folder:
        documents = SqliteDocuments(Path(folder) / "documents.sqlite")
        await documents.start([])
        try:
            yield documents
        finally:
            await documents.stop()


Store = Callable[[], AbstractAsyncContextManager[Documents]]
STORES = pytest.mark.parametrize("store", [in_memory, in_sqlite])


@pytest.fixture
def trimming(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trim the recent records at every turn of the loop."""
    monkeypatch.setattr(conversation_views, "TRIM_INTERVAL_S", 0)


def test_rooms_are_in_all_partitions() -> None:
    assert {partition_of(CONVERSATION_UPDATED, room.encode()) for room in ROOMS} == set(PLACES)


async def check_views(
    documents: Documents, history: list[Step], before: list[int], meanwhile: list[int], pauses: list[int], idle: int
) -> None:
    """Apply some batches, and others while conversations are loaded and forgotten; check the view."""
    async with logged(*records(history)) as log:
        await work(log, documents, before)
        writes = asyncio.create_task(work(log, documents, meanwhile))
        nothing = MemoryDocuments()
        async with tailing(log, Interrupted(documents, iter(pauses))) as tail, tailing(log, nothing) as from_birth:
            tail._views.loaded.idle_size = idle
            assert await seen(tail) == await seen(from_birth)
            await append(log, records(history))
            assert await seen(tail) == await seen(from_birth)
            await asyncio.gather(writes, tail.find_all(ROOMS))
            await work(log, documents, [*meanwhile, *before])
            assert await seen(tail) == await seen(from_birth)


@given(
    history=steps,
    before=sizes,
    meanwhile=sizes,
    pauses=turns,
    page=st.sampled_from((1, 2, 1000)),
    idle=st.sampled_from((0, 9, 1000)),
)
@settings(max_examples=200)
def test_view_equals_the_fold_of_the_whole_log_while_the_processor_writes(
    history: list[Step], before: list[int], meanwhile: list[int], pauses: list[int], page: int, idle: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view_reader, "PAGE", page)
        patch.setattr(conversation_views, "TRIM_INTERVAL_S", 0.002)
        asyncio.run(check_views(MemoryDocuments(), history, before, meanwhile, pauses, idle))


@given(history=steps, before=sizes, meanwhile=sizes)
@settings(max_examples=10)
def test_view_from_a_file_equals_the_fold_of_the_whole_log(
    history: list[Step], before: list[int], meanwhile: list[int]
) -> None:
    async def from_a_file() -> None:
        async with in_sqlite() as documents:
            await check_views(documents, history, before, meanwhile, [], 9)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view_reader, "PAGE", 2)
        asyncio.run(from_a_file())


@STORES
async def test_log_may_lack_what_the_read_model_has(store: Store) -> None:
    async with logged(*HISTORY) as log, store() as documents:
        await work(log, documents, ALL)
        rest = TruncatedLog(log.storage, await log.end_offsets(PLACES))
        await rest.start()
        changes: list[tuple[str, int]] = []

        def on_change(change: ViewChange) -> None:
            changes.append((type(change.event).__name__, change.n))

        async with tailing(rest, documents) as tail, tailing(log, MemoryDocuments()) as from_birth:
            tail.subscribe(on_change)
            assert await seen(tail) == await seen(from_birth)
            await append(log, [titled("b", "x"), titled("b", "y")])
            assert await seen(tail) == await seen(from_birth)
        assert changes == [("ConversationChanged", 3)], "neither old records nor a repeat are reported"


@pytest.mark.usefixtures("trimming")
async def test_records_are_forgotten_once_the_read_model_has_them() -> None:
    async with logged(*HISTORY) as log:
        documents = MemoryDocuments()
        async with tailing(log, documents) as tail:
            await eventually(lambda: len(tail._views._recent) == len(HISTORY))
            await work(log, documents, ALL)
            await eventually(lambda: len(tail._views._recent) == 0)
            assert await tail.find("a") is not None


async def test_nothing_is_loaded_before_it_is_needed() -> None:
    async with logged(*HISTORY) as log:
        documents = MemoryDocuments()
        await work(log, documents, ALL)
        async with tailing(log, documents) as tail:
            await append(log, [titled("b", "z")])
            await tail.prove("b")
            assert [tail.get(room) for room in ROOMS] == [None] * len(ROOMS)
            assert tail.of_user(TENANT, "cid") == frozenset()
            await tail.follow(TENANT, "cid")
            assert (tail.get("a") is not None, tail.get("b")) == (True, None)


async def test_record_that_names_a_followed_user_loads_its_conversation_and_is_reported_in_order() -> None:
    async with logged(*HISTORY) as log:
        documents, changes = FrailDocuments(), list[tuple[int, int, list[str]]]()
        await work(log, documents, ALL)
        async with tailing(log, documents) as tail:
            tail.subscribe(lambda change: changes.append((change.n, change.view.n, list(change.members))))
            await eventually(lambda: tail.fresh)
            await tail.follow(TENANT, "eve")
            documents.down = True
            await append(log, [titled("c", "1"), joined("c", "eve", 2), titled("c", "2"), left("c", "eve", 3)])
            await eventually(lambda: tail._views.read == tail._views.read and bool(tail._views._pending))
            assert changes == [] and tail.present_of_user(TENANT, "eve") == frozenset()
            documents.down = False
            await tail.prove("c")
            assert changes == [(3, 3, ["eve"]), (4, 4, []), (5, 5, [])]
            assert tail.of_user(TENANT, "eve") == {"c"} != tail.present_of_user(TENANT, "eve")


async def test_record_that_is_loaded_before_it_is_read_is_reported_once_with_its_number() -> None:
    async with logged(*HISTORY) as log:
        documents, changes = MemoryDocuments(), list[tuple[int, int, list[str]]]()
        await work(log, documents, ALL)
        async with tailing(log, documents) as tail:
            tail.subscribe(lambda change: changes.append((change.n, change.view.n, list(change.members))))
            await eventually(lambda: tail.fresh)
            await tail.follow(TENANT, "eve")
            take, held = tail._take, list[object]()
            tail._take = held.append  # type: ignore[assignment, method-assign]
            added, gone = joined("c", "eve", 2), left("c", "eve", 3)
            await append(log, [added, gone, added])
            await work(log, documents, ALL)
            await eventually(lambda: len(held) > 0)
            assert (await tail.find_all(["c"]))["c"].n == 3
            tail._take = take  # type: ignore[method-assign]
            for batch in held:
                take(batch)  # type: ignore[arg-type]
            await tail.prove("c")
            assert changes == [(2, 3, ["eve"]), (3, 3, [])]


async def test_loaded_conversations_go_on_while_the_store_is_down() -> None:
    async with logged(*HISTORY) as log:
        documents, health = FrailDocuments(), Health()
        await work(log, documents, ALL)
        async with tailing(log, documents, health) as tail:
            await eventually(lambda: tail.fresh)
            await tail.follow(TENANT, "cid")
            documents.down = True
            await append(log, [titled("a", "new")])
            await tail.prove("a")
            here = tail.get("a")
            assert here is not None and here.title == "new"
            await tail.follow(TENANT, "cid")
            for needed in (tail.find("b"), tail.follow(TENANT, "bob"), tail.counts_of_users(TENANT, ["bob"])):
                with pytest.raises(Unavailable):
                    await needed
            await append(log, [joined("b", "cid", 1)])
            await eventually(lambda: health.checks()["memberships-load"].status == "warn")
            assert health.ready
            documents.down = False
            await tail.prove("b")
            await eventually(lambda: health.checks()["memberships-load"].status == "pass")
            assert tail.present_of_user(TENANT, "cid") == {"a", "b"}


@pytest.mark.usefixtures("trimming")
async def test_store_that_went_back_is_not_believed_until_it_has_caught_up() -> None:
    async with logged(*HISTORY) as log:
        documents, older = MemoryDocuments(), MemoryDocuments()
        await work(log, documents, ALL)
        await work(log, older, (2,))
        async with tailing(log, documents) as tail:
            await eventually(lambda: tail.fresh)
            documents._rows, documents._checkpoints = older._rows, older._checkpoints
            with pytest.raises(NotReady, match="behind what it was"):
                await tail.find("a")
            await work(log, documents, ALL)
            here = await tail.find("a")
            assert here is not None and here.is_member("cid")


async def test_lost_rows_are_no_conversations_that_there_are_not() -> None:
    documents = MemoryDocuments()
    async with logged(*HISTORY) as log:
        await work(log, documents, ALL)
        documents.lose(TableGeneration(conversation_rows.ROWS, 1))
        async with tailing(log, documents) as tail:
            await eventually(lambda: tail.fresh)
            with pytest.raises(Unavailable, match="caas rebuild conversations"):
                await tail.find("a")


class Switching(TrackedDocuments):
    """After the conversations of generation 1 were read, generation 2 is live and the first is dropped."""

    async def get(self, place: TableGeneration, ids: object) -> dict[str, Row]:
        found = await super().get(place, ids)  # type: ignore[arg-type]
        if place == TableGeneration(conversation_rows.ROWS, 1):
            await replace_pointer(self, conversation_rows.MODEL, Pointer(live=2, newest=2, turn=1), Pointer())
            await self.drop([place, TableGeneration(conversation_rows.CHANGES, 1)], (conversation_rows.MODEL, 1))
        return found


@STORES
async def test_switch_during_a_load_restarts_it_from_the_new_generation(
    store: Store,
) -> None:
    async with logged(*HISTORY) as log, store() as documents:
        await work(log, documents, (2,))
        await work(log, documents, ALL, generation=2)
        async with tailing(log, Switching(documents)) as tail, tailing(log, MemoryDocuments()) as from_birth:
            assert await seen(tail) == await seen(from_birth)
            await append(log, HISTORY)
            assert await seen(tail) == await seen(from_birth)


async def test_a_conversation_is_opened_from_the_log_alone() -> None:
    async with logged() as log, tailing(log, MemoryDocuments()) as tail:
        await eventually(lambda: tail.fresh)
        assert await tail.find("a") is None
        await append(log, [opened("a", "bob")])
        await tail.prove("a")
        assert tail.get("a") is not None


class Lagging(MemoryLog):
    """A log whose records come one by one, each a number of turns later."""

    def __init__(self, held: LogStorage, turns: Iterator[int]) -> None:
        super().__init__(held)
        self._turns = turns

    async def read(
        self, start: Mapping[Partition, int], until: Mapping[Partition, int] | None = None, *, limit: int = 1000
    ) -> AsyncIterator[Sequence[Received]]:
        async for batch in super().read(start, until, limit=limit):
            for record in batch:
                for _ in range(next(self._turns, 0)):
                    await asyncio.sleep(0)
                yield [record]


@asynccontextmanager
async def lagging(log: MemoryLog, turns: list[int]) -> AsyncIterator[Lagging]:
    found = Lagging(log.storage, iter(turns))
    await found.start()
    yield found


Report = tuple[str, int, str, bool, bool]
"""A room, the number and the kind of a change, whether ann was a member after it, and whether the view has her so."""


async def reported(
    history: list[Step], before: list[int], meanwhile: list[int], pauses: list[int], lags: list[int], idle: int
) -> tuple[list[Report], list[Report]]:
    """Return the reports of two views that follow ann: one loads from a read model that others write meanwhile."""
    first, second = records(history[: len(history) // 2]), records(history)
    documents, found = MemoryDocuments(), (list[Report](), list[Report]())
    async with (
        logged() as log,
        lagging(log, lags) as late,
        tailing(late, Interrupted(documents, iter(pauses))) as tail,
        tailing(log, MemoryDocuments()) as from_birth,
    ):
        tail._views.loaded.idle_size = idle
        for view, reports in zip((tail, from_birth), found, strict=True):
            view.subscribe(partial(_note, reports))
            await view.follow(TENANT, "ann")
        await from_birth.find_all(ROOMS)
        for batch, work_sizes in ((first, before), (second, meanwhile)):
            await asyncio.gather(append(log, batch), work(log, documents, work_sizes))
            await asyncio.gather(tail.find_all(ROOMS[:2]), work(log, documents, work_sizes))
        for view in (tail, from_birth):
            await view.prove(None)
    return found


def _note(reports: list[Report], change: ViewChange) -> None:
    kind, view = type(change.event).__name__, change.view
    reports.append((view.conversation_id, change.n, kind, "ann" in change.members, view.is_member("ann")))


@given(history=steps, before=sizes, meanwhile=sizes, pauses=turns, lags=turns, idle=st.sampled_from((0, 30)))
@settings(max_examples=150)
def test_changes_of_a_followed_users_conversations_are_reported_once_in_order(
    history: list[Step], before: list[int], meanwhile: list[int], pauses: list[int], lags: list[int], idle: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversation_views, "TRIM_INTERVAL_S", 0.002)
        found, complete = asyncio.run(reported(history, before, meanwhile, pauses, lags, idle))
    for room in ROOMS:
        mine = {n: (kind, named) for key, n, kind, named, _ in found if key == room}
        assert [n for key, n, *_ in found if key == room] == sorted(mine), "each once and in order"
        was = False
        for n, kind, present in ((n, kind, present) for key, n, kind, _, present in complete if key == room):
            here, member = mine.get(n, (kind, False))
            assert here == kind
            assert member or not present or was, f"change {n} of {room} let her in"
            assert present or not member, f"change {n} of {room} did not"
            was = present
