"""A trace shows which processors applied a request's records and when, also where a worker was killed half-way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.health import Health
from core.ports.documents import Documents
from core.ports.effects import Durable, Effects, Emitter
from edge.composition.compose import PROCESSORS
from projections.generations import Generations
from projections.queries import applied_batches
from projections.queries.trace_records import TraceRecords
from projections.stores.memory import MemoryDocuments
from projections.stores.sqlite import SqliteDocuments
from projections.trace.applications import Reader
from schemas.wire.trace import Trace as Traced
from schemas.wire.trace import TraceApplication
from streams.log.memory import MemoryLog
from streams.processors.messages import Messages
from streams.processors.receipts import Receipts
from streams.processors.trace import Trace
from streams.runtime import batch_journal
from streams.runtime.batch_journal import BatchJournal
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.processor import Processor
from streams.runtime.worker import Worker
from tests.eventually import eventually
from tests.given import CORRELATION, TENANT, sent
from tests.projections.trace.given import record_of
from tests.streams.world import RecordingEmitter

KINDS = (Messages, Receipts, Trace)


@pytest.fixture(params=["memory", "sqlite"])
async def documents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Documents]:
    found = MemoryDocuments() if request.param == "memory" else SqliteDocuments(tmp_path / "documents.sqlite")
    await found.start(())
    yield found
    await found.stop()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_journal, "WRITE_INTERVAL_S", 0.02)


class LogOnly(RecordingEmitter):
    """An emitter that appends what is logged, as a live one does."""

    def __init__(self, log: MemoryLog) -> None:
        super().__init__()
        self._log = log

    async def emit(self, effects: Effects) -> None:
        await super().emit(effects)
        await asyncio.gather(*(self._log.append(record) for record in effects.logged))


class Stuck(RecordingEmitter):
    """An emitter of a worker that is killed before it emits anything."""

    async def begin(self, effects: Effects) -> Durable:
        await asyncio.Event().wait()
        raise AssertionError("never")


class System:
    """Some processors on the plain runner, over one log, one store and one journal."""

    def __init__(self, documents: Documents, log: MemoryLog) -> None:
        self._documents = documents
        self._log = log
        self._health = Health()
        readers = [Reader(one.name, frozenset(one.topics), one.takes) for one in self._processors()]
        self.records = TraceRecords(documents, Generations(documents, PROCESSORS), log, readers)

    def _processors(self) -> Sequence[Processor]:
        return [kind(self._documents) for kind in KINDS]

    @asynccontextmanager
    async def running(self, *names: str, emitter: Emitter | None = None) -> AsyncIterator[None]:
        """Run these processors until the end of the block; then they are killed, and write nothing more."""
        journal = BatchJournal(self._documents, self._health)
        works = [
            self._run(one, emitter or LogOnly(self._log), journal) for one in self._processors() if one.name in names
        ]
        tasks = [asyncio.create_task(work) for work in (*works, journal.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _run(self, processor: Processor, emitter: Emitter, journal: BatchJournal) -> None:
        worker = Worker(processor, self._documents, emitter, self._health, journal=journal)
        await PlainRunner(worker, self._log, self._documents, self._health).run(1)

    async def trace(self) -> Traced:
        return await self.records.trace(TENANT, CORRELATION)

    async def applied(self, of: str) -> dict[str, TraceApplication]:
        """Return what each processor made of the first record of a topic; it is in the trace."""
        found = next(one for one in (await self.trace()).entries if one.record.topic == of)
        return {one.processor: one for one in found.applications}


@pytest.fixture
async def system(documents: Documents, log: MemoryLog) -> System:
    return System(documents, log)


async def test_each_processor_has_its_latency(system: System, log: MemoryLog) -> None:
    async with system.running("messages", "receipts", "trace"):
        await log.append(record_of(sent("k1"), "e1"))

        async def complete() -> None:
            entries = (await system.trace()).entries
            assert [one.record.topic for one in entries] == ["message.sent", "message.delivered"]
            for entry in entries:
                assert all(one.saved_ms is not None for one in entry.applications), entry.applications

        await eventually(complete)
    sent_by, delivered_by = await system.applied("message.sent"), await system.applied("message.delivered")
    assert (set(sent_by), set(delivered_by)) == ({"messages", "trace"}, {"receipts", "trace"})
    for one in (*sent_by.values(), *delivered_by.values()):
        assert one.began_ms <= one.saved_ms <= one.emitted_ms  # type: ignore[operator]


async def test_request_whose_worker_was_killed_shows_where_it_stands_and_later_that_it_arrived(
    system: System, log: MemoryLog
) -> None:
    async with system.running("trace"):
        await log.append(record_of(sent("k1"), "e1"))

        async def seen() -> None:
            assert (await system.applied("message.sent"))["messages"] == TraceApplication(
                processor="messages", applied=False
            )

        await eventually(seen)
        async with system.running("messages", emitter=Stuck()):

            async def saved() -> None:
                assert (await system.applied("message.sent"))["messages"].applied

            await eventually(saved)
        half = await system.trace()
        assert [one.record.topic for one in half.entries] == ["message.sent"]  # nothing says that it was persisted
        half_way = (await system.applied("message.sent"))["messages"]
        assert half_way == TraceApplication(processor="messages", applied=True)

        async with system.running("messages"):

            async def arrived() -> None:
                topics = [(one.depth, one.record.topic) for one in (await system.trace()).entries]
                assert topics == [(0, "message.sent"), (1, "message.delivered")]
                assert (await system.applied("message.sent"))["messages"].emitted_ms is not None

            await eventually(arrived)
    receipts = (await system.applied("message.delivered"))["receipts"]
    assert not receipts.applied  # its processor never ran


async def test_records_of_one_batch_are_one_lookup(
    system: System, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applied_batches, "MAX_LOOKUPS", 4)  # two processors in each of two partitions
    for n in range(20):
        await log.append(record_of(sent(f"k{n}"), f"e{n}"))
    async with system.running("messages", "trace"):

        async def complete() -> None:
            entries = [one for one in (await system.trace()).entries if one.record.topic == "message.sent"]
            assert len(entries) == 20
            assert all(one.saved_ms is not None for entry in entries for one in entry.applications)

        await eventually(complete)


async def test_times_of_more_batches_than_are_looked_up_are_left_out(
    system: System, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with system.running("messages", "trace"):
        for n in range(3):
            await log.append(record_of(sent(f"k{n}"), f"e{n}"))

            async def written(expected: int = n + 1) -> None:
                entries = [one for one in (await system.trace()).entries if one.record.topic == "message.sent"]
                known = [one for entry in entries for one in entry.applications if one.saved_ms is not None]
                assert len(known) == 2 * expected

            await eventually(written)
    monkeypatch.setattr(applied_batches, "MAX_LOOKUPS", 1)
    entries = [one for one in (await system.trace()).entries if one.record.topic == "message.sent"]
    assert all(one.applied for entry in entries for one in entry.applications)
    assert any(one.saved_ms is None for entry in entries for one in entry.applications)
