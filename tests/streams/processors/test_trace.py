"""The `trace` processor saves a row for each record, event or not; it emits nothing, no dead letter of one either."""

from collections.abc import Sequence

import msgspec
import pytest

from core.ports.documents import TableGeneration
from core.ports.event_log import Received
from projections.facts import Fact
from projections.trace import trace_rows
from projections.trace.trace_rows import Folded
from schemas.topics import TOPICS
from streams.processors import trace
from streams.processors.trace import Trace
from streams.runtime.record_decoder import dead_letter
from streams.runtime.worker import Worker
from tests.streams.world import World, opened, said, stored


async def worker_of(world: World) -> Worker:
    worker = Worker(Trace(world.documents), world.documents, world.emitter, world.health)
    await worker.begin(1, epoch=1)
    return worker


async def places(world: World) -> set[str]:
    rows = await world.documents.scan(TableGeneration(trace_rows.RECORDS, 1))
    return {row["_id"] for row in rows}


def place(record: Received) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


def torn(n: int) -> Received:
    return stored(msgspec.structs.replace(said("room", n), value=b"{torn"), n)


def test_it_reads_every_topic() -> None:
    assert set(Trace.topics) == set(TOPICS)


async def test_every_record_has_a_row_and_none_an_effect(world: World) -> None:
    worker = await worker_of(world)
    records = [stored(opened("room", "bob")), stored(said("room", 0)), torn(1)]
    records.append(stored(dead_letter(records[2], "messages", "unreadable", "torn")))
    await worker.work(records)
    assert await places(world) == {place(record) for record in records}
    await worker.work([torn(2)])
    assert (world.emitter.logged, world.emitter.pushes) == ([], [])


async def test_what_nobody_can_find_has_no_row_and_is_passed(world: World) -> None:
    worker = await worker_of(world)
    await worker.work([stored(msgspec.structs.replace(said("room", 0), headers=())), stored(said("room", 1), 1)])
    assert await places(world) == {place(stored(said("room", 1), 1))}
    assert set(worker.next.values()) == {2}


async def test_record_that_breaks_the_fold_is_left_out_and_a_dead_letter_makes_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    folded = trace_rows.fold

    def breaks(facts: Sequence[Fact]) -> Folded:
        if any(fact.record is not None and fact.topic in {"dead.letter", "message.sent"} for fact in facts):
            raise ValueError("a bug")
        return folded(facts)

    monkeypatch.setattr(trace.trace_rows, "fold", breaks)
    worker = await worker_of(world)
    records = [
        stored(opened("room")),
        stored(said("room", 0)),
        stored(dead_letter(torn(1), "search", "unreadable", "")),
    ]
    await worker.work(records)
    assert await places(world) == {place(records[0])}
    (letter,) = world.emitter.logged
    assert dict(letter.headers)["__streams.errors.topic"] == b"message.sent"
