"""A trace is found by its correlation id in its tenant, is the same from the log itself, and says what it lacks."""

import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from core.health import Health
from core.ports.documents import Documents
from core.ports.event_log import Received
from edge.tools.trace_scan import scan
from projections.generations import Generations
from projections.queries import trace_records
from projections.queries.trace_records import MODELS, TraceRecords
from projections.stores.memory import MemoryDocuments
from projections.stores.sqlite import SqliteDocuments
from schemas.envelope import Record
from schemas.events import MessageDelivered, PersistedMessage
from schemas.topics import partitions
from streams.log.memory import MemoryLog
from streams.processors.trace import Trace
from streams.runtime.record_decoder import dead_letter
from streams.runtime.worker import Worker
from tests.given import AT, CORRELATION, ROOM, TENANT, sent
from tests.projections.trace.given import OTHER, record_of
from tests.streams.world import RecordingEmitter


@pytest.fixture(params=["memory", "sqlite"])
async def documents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Documents]:
    found = MemoryDocuments() if request.param == "memory" else SqliteDocuments(tmp_path / "documents.sqlite")
    await found.start(Trace.tables)
    yield found
    await found.stop()


@pytest.fixture
def records(documents: Documents, log: MemoryLog) -> TraceRecords:
    return TraceRecords(documents, Generations(documents, MODELS), log)


async def all_of(log: MemoryLog) -> list[Received]:
    ends = {at: end for at, end in (await log.end_offsets(partitions(*Trace.topics))).items() if end}
    return [record async for batch in log.read(dict.fromkeys(ends, 0), ends) for record in batch]


async def given(log: MemoryLog, documents: Documents, *appended: Record, seed: int = 0) -> None:
    """Append the records, and let the processor read everything, in a possible order and batches of any size."""
    for record in appended:
        await log.append(record)
    worker = Worker(Trace(documents), documents, RecordingEmitter(), Health())
    await worker.begin(1, log.epoch)
    chance, left = random.Random(seed), dict[tuple[str, int], list[Received]]()
    for record in await all_of(log):
        if record.offset >= worker.next.get(record.at(), 0):
            left.setdefault((record.topic, record.partition), []).append(record)
    while left:
        place = chance.choice(sorted(left))
        size = chance.randint(1, 4)
        await worker.work(left[place][:size])
        left[place] = left[place][size:]
        left = {at: rest for at, rest in left.items() if rest}


async def scanned(log: MemoryLog, correlation_id: str = CORRELATION, tenant: str = TENANT) -> msgspec.Struct:
    return await scan(log, tenant, correlation_id, 0, lambda _done, _total: None)


def delivered(stage: str, seq: int = 0, by: str = "", messages: Sequence[PersistedMessage] = ()) -> MessageDelivered:
    return MessageDelivered(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        stage=stage,
        seq=seq,
        by=by,
        messages=list(messages),  # type: ignore[arg-type]
    )


def persisted(*named: tuple[str, str, int]) -> MessageDelivered:
    return delivered(
        "persisted",
        messages=[
            PersistedMessage(message_id=f"m{n}", sender="ann", seq=n, event_id=event_id, correlation_id=of)
            for event_id, of, n in named
        ],
    )


TALK = (
    record_of(sent("k1"), "e1"),
    record_of(sent("k2"), "e2", correlation_id=OTHER),
    record_of(persisted(("e1", CORRELATION, 1), ("e2", OTHER, 2)), "p1", correlation_id=OTHER, cause="e2"),
    record_of(delivered("delivered", 2, "bob"), "d1", correlation_id="bobs", actor="bob"),
    record_of(delivered("read", 1, "bob"), "d2", correlation_id="bobs too", actor="bob"),
)


@pytest.mark.parametrize("seed", range(4))
async def test_request_is_followed_to_what_came_of_it(
    documents: Documents, log: MemoryLog, records: TraceRecords, seed: int
) -> None:
    await given(log, documents, *TALK, seed=seed)
    found = await records.trace(TENANT, CORRELATION)
    shown = [(one.depth, one.record.id, one.record.stage, one.record.names) for one in found.entries]
    assert sorted(shown, key=str) == [
        (0, "e1", None, None),
        (1, "d1", "delivered", None),
        (1, "d2", "read", None),
        (1, "p1", "persisted", 1),
    ]
    assert (found.behind, found.cut) == (0, False)
    assert (await scanned(log)) == msgspec.structs.replace(found, behind=None)
    other = await records.trace(TENANT, OTHER)
    assert [(one.depth, one.record.id, one.record.stage) for one in other.entries if one.record.id != "d1"] == [
        (0, "e2", None),
        (1, "p1", "persisted"),
    ]
    assert (await scanned(log, OTHER)) == msgspec.structs.replace(other, behind=None)


async def test_dead_letter_is_found_below_its_record(
    documents: Documents, log: MemoryLog, records: TraceRecords
) -> None:
    await given(log, documents, msgspec.structs.replace(TALK[0], value=b"{torn"))
    (torn,) = await all_of(log)
    await given(log, documents, dead_letter(torn, "messages", "unreadable", "torn"))
    found = await records.trace(TENANT, CORRELATION)
    assert [(one.depth, one.record.topic, one.record.code) for one in found.entries] == [
        (0, "message.sent", None),
        (1, "dead.letter", "unreadable"),
    ]
    assert (await scanned(log)) == msgspec.structs.replace(found, behind=None)


async def test_another_tenant_finds_nothing(documents: Documents, log: MemoryLog, records: TraceRecords) -> None:
    await given(log, documents, *TALK)
    assert (await records.trace("umbra", CORRELATION)).entries == []
    assert (await scanned(log, tenant="umbra")).entries == []  # type: ignore[attr-defined]


async def test_trace_says_how_far_its_read_model_is_behind(
    documents: Documents, log: MemoryLog, records: TraceRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.progress.CATCH_UP_TIMEOUT_S", 0.05)
    await given(log, documents, *TALK[:1])
    for record in TALK[1:]:
        await log.append(record)
    await records.catch_up()
    found = await records.trace(TENANT, CORRELATION)
    assert (found.behind, [one.record.id for one in found.entries]) == (4, ["e1"])


async def test_trace_of_more_records_than_it_may_have_is_cut(
    documents: Documents, log: MemoryLog, records: TraceRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_records, "MAX_TRACE_RECORDS", 3)
    await given(log, documents, *(record_of(sent(f"k{n}"), f"e{n}") for n in range(5)))
    found = await records.trace(TENANT, CORRELATION)
    assert (len(found.entries), found.cut) == (3, True)
