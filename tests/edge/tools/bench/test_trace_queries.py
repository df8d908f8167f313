"""Traces are measured among records that the processor `trace` has saved, and each has what its request left."""

from pathlib import Path

from core.settings import Settings
from edge.composition import compose
from edge.tools.bench.trace_queries import Asking, Questions, fill
from edge.tools.bench.trace_trail import IN_LARGEST, TraceTrail
from schemas.wire.trace import MAX_TRACE_RECORDS

RECORDS = 9_000


def test_generated_records_are_the_same_in_every_run() -> None:
    first, second = ([*TraceTrail("bench", 200, 1).records()] for _ in range(2))
    assert first == second
    assert len(first) >= 200


async def test_every_form_has_its_answer(tmp_path: Path) -> None:
    async with compose.opened(compose.embedded(Settings(data=str(tmp_path)))) as found:
        readers, trail = compose.readers_of(found), TraceTrail("bench", RECORDS, found.log.epoch)
        await fill(found, trail, readers)
        assert trail.messages > IN_LARGEST + 1_000
        asking = Asking(found, "bench", readers)
        async for name, requests in Questions(trail, 2).forms():
            form = await asking.measured(requests)
            assert form.p99_ms > 0
            entries = (await asking.trace(requests[0])).entries
            expected = {"one message": range(3, 8), "a hundred messages": range(200, 1_000), "nothing": range(1)}
            assert len(entries) in expected.get(name, range(MAX_TRACE_RECORDS, MAX_TRACE_RECORDS + 1)), name
            if name == "one message":
                known = [one for entry in entries for one in entry.applications]
                assert {one.processor for one in known} >= {"messages", "receipts", "audit", "trace"}
                assert all(one.applied and one.saved_ms is not None for one in known)
