"""A node's view that starts from the read model equals a fold of the whole log."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.conversation import Conversation
from core.health import Health
from core.ports.documents import Changes, Checkpoint, Documents, Row, TableGeneration
from core.ports.event_log import LogTruncated
from core.positions import LogMismatch, position
from projections.conversations import conversation_rows
from projections.generations import Pointer, replace_pointer
from projections.stores.memory import MemoryDocuments
from projections.stores.sqlite import SqliteDocuments
from schemas.envelope import Record
from schemas.events import ConversationEvent
from schemas.topics import CONVERSATION_UPDATED, partition_of
from streams.log.memory import LogStorage, MemoryLog
from streams.memberships import start
from streams.memberships.start import MembershipStart
from streams.rebuild.write_tracking import TrackedDocuments
from tests.eventually import eventually
from tests.streams.memberships.tailing import (
    PLACES,
    ROOMS,
    Interrupted,
    Step,
    TruncatedLog,
    append,
    records,
    seen,
    steps,
    tailing,
    work,
)
from tests.streams.world import FrailDocuments, joined, opened, titled

turns = st.lists(st.integers(0, 25), max_size=12)
sizes = st.lists(st.integers(0, 7), max_size=12)
ALL = (1000,)


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


@asynccontextmanager
async def logged(*appended: Record, epoch: int = 1) -> AsyncIterator[MemoryLog]:
    log = MemoryLog(LogStorage(epoch))
    await log.start()
    await append(log, appended)
    yield log
    await log.stop()


HISTORY = [opened(room, "bob") for room in ROOMS] + [joined("a", "cid", 4), titled("b", "x"), titled("b", "x")]


def test_rooms_are_in_all_partitions() -> None:
    assert {partition_of(CONVERSATION_UPDATED, room.encode()) for room in ROOMS} == set(PLACES)


async def check_start(
    documents: Documents, history: list[Step], before: list[int], meanwhile: list[int], pauses: list[int]
) -> None:
    """Apply some batches, and others while the view starts; check the view."""
    async with logged(*records(history)) as log:
        await work(log, documents, before)
        writes = asyncio.create_task(work(log, documents, meanwhile))
        nothing = MemoryDocuments()
        async with tailing(log, Interrupted(documents, iter(pauses))) as tail, tailing(log, nothing) as from_birth:
            assert await seen(tail) == await seen(from_birth)
            await append(log, records(history))
            assert await seen(tail) == await seen(from_birth)
        await writes


@given(history=steps, before=sizes, meanwhile=sizes, pauses=turns, page=st.sampled_from((1, 2, 1000)))
@settings(max_examples=200)
def test_view_equals_the_fold_of_the_whole_log_while_the_processor_writes(
    history: list[Step], before: list[int], meanwhile: list[int], pauses: list[int], page: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(start, "PAGE", page)
        asyncio.run(check_start(MemoryDocuments(), history, before, meanwhile, pauses))


@given(history=steps, before=sizes, meanwhile=sizes)
@settings(max_examples=10)
def test_view_from_a_file_equals_the_fold_of_the_whole_log(
    history: list[Step], before: list[int], meanwhile: list[int]
) -> None:
    async def from_a_file() -> None:
        async with in_sqlite() as documents:
            await check_start(documents, history, before, meanwhile, [])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(start, "PAGE", 2)
        asyncio.run(from_a_file())


@STORES
async def test_log_may_lack_what_the_read_model_has(store: Store) -> None:
    async with logged(*HISTORY) as log, store() as documents:
        await work(log, documents, ALL)
        rest = TruncatedLog(log.storage, await log.end_offsets(PLACES))
        await rest.start()
        changes: list[tuple[str, int]] = []

        def on_change(event: ConversationEvent, state: Conversation) -> None:
            changes.append((type(event).__name__, state.n))

        async with tailing(rest, documents) as tail, tailing(log, MemoryDocuments()) as from_birth:
            tail.subscribe(on_change)
            assert await seen(tail) == await seen(from_birth)
            await append(log, [titled("b", "x"), titled("b", "y")])
            assert await seen(tail) == await seen(from_birth)
        assert changes == [("ConversationChanged", 3)], "neither old records nor a repeat are reported"


async def test_log_beginning_beyond_the_read_model_is_refused() -> None:
    async with logged(*HISTORY) as log:
        documents, at = MemoryDocuments(), partition_of(CONVERSATION_UPDATED, b"a")
        await work(log, documents, ALL)
        await append(log, [titled("a", "1"), titled("a", "2")])
        offset = (await documents.checkpoints(conversation_rows.MODEL, 1))[at] - position(1, 0)
        lost = TruncatedLog(log.storage, {at: offset + 1})
        await lost.start()
        with pytest.raises(LogTruncated, match=f"up to {offset}, and the log begins at {offset + 1}"):
            await MembershipStart(lost, documents, Health()).read()


async def test_store_outage_is_waited_out_and_reported() -> None:
    documents, health = FrailDocuments(), Health()
    async with logged(*HISTORY) as log:
        await work(log, documents, ALL)
        documents.down = True
        async with tailing(log, documents, health) as tail:
            await eventually(lambda: "the store is down" in health.waiting.values())
            assert tail.get("a") is None and not tail.fresh
            documents.down = False
            await eventually(lambda: health.ready and tail.fresh)
            assert tail.get("a") is not None


async def test_store_of_a_later_log_is_refused() -> None:
    documents = MemoryDocuments()
    await documents.save(Changes([], [], Checkpoint(conversation_rows.MODEL, 1, {PLACES[0]: position(3, 7)})))
    async with logged(epoch=2) as log:
        with pytest.raises(LogMismatch, match="epoch 3 of the log, and this log is epoch 2"):
            await MembershipStart(log, documents, Health()).read()


async def test_store_of_an_older_log_is_refused() -> None:
    documents = MemoryDocuments()
    async with logged(*HISTORY) as log:
        await work(log, documents, ALL)
    async with logged(opened("a"), titled("a", "new"), epoch=2) as recreated:
        with pytest.raises(LogMismatch, match="epoch 1 of the log, and this log is epoch 2"):
            await MembershipStart(recreated, documents, Health()).read()


async def test_log_shorter_than_its_store_is_refused() -> None:
    documents = MemoryDocuments()
    async with logged(*HISTORY) as log:
        await work(log, documents, ALL)
    async with logged(*HISTORY[:2]) as shorter:
        with pytest.raises(LogMismatch, match="the log is older than the read model conversations"):
            await MembershipStart(shorter, documents, Health()).read()


async def test_lost_rows_are_waited_for_and_reported() -> None:
    documents, health = MemoryDocuments(), Health()
    async with logged(*HISTORY) as log:
        await work(log, documents, ALL)
        lost = TableGeneration(conversation_rows.ROWS, 1)
        documents.lose(lost)
        async with tailing(log, documents, health) as tail:
            await eventually(lambda: any("caas rebuild conversations" in why for why in health.waiting.values()))
            assert not tail.fresh
            documents._lost.clear()  # they are restored
            await eventually(lambda: health.ready and tail.fresh)


class Switching(TrackedDocuments):
    """After the conversations of generation 1 were read, generation 2 is live and the first is dropped."""

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        found = await super().scan(place, after=after, limit=limit)
        if place == TableGeneration(conversation_rows.ROWS, 1):
            await replace_pointer(self, conversation_rows.MODEL, Pointer(live=2, newest=2, turn=1), Pointer())
            await self.drop([place, TableGeneration(conversation_rows.CHANGES, 1)], (conversation_rows.MODEL, 1))
        return found


@STORES
async def test_switch_during_the_read_restarts_it_from_the_new_generation(
    store: Store,
) -> None:
    async with logged(*HISTORY) as log, store() as documents:
        await work(log, documents, (2,))
        await work(log, documents, ALL, generation=2)
        async with tailing(log, Switching(documents)) as tail, tailing(log, MemoryDocuments()) as from_birth:
            assert await seen(tail) == await seen(from_birth)
            await append(log, HISTORY)
            assert await seen(tail) == await seen(from_birth)
