"""A scan reads what the log got since a time, finds its beginning by halves, and reports how far it is."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.tools.trace_scan import SLACK_MS, scan, starts_at
from schemas.topics import MESSAGE_SENT, TOPICS, Partition, partitions
from streams.log.memory import LogStorage, MemoryLog
from tests.given import CORRELATION, TENANT, sent
from tests.projections.trace.given import record_of

HOUR_MS = 3_600_000
NOW_MS = 1_795_167_000_000


async def log_of(*times: int) -> MemoryLog:
    """Return a log with a message of one request at each of these times."""
    storage = LogStorage()
    for n, time in enumerate(times):
        storage.put(record_of(sent(f"k{n}"), f"e{n}"))
        for place, records in storage.records.items():
            if place.topic == MESSAGE_SENT and records and records[-1].offset == n:
                records[-1] = msgspec.structs.replace(records[-1], timestamp_ms=time)
    found = MemoryLog(storage)
    await found.start()
    return found


async def found_since(log: MemoryLog, since_ms: int) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the ids that are found, and the progress that was reported."""
    seen: list[tuple[int, int]] = []
    trace = await scan(log, TENANT, CORRELATION, since_ms, lambda done, total: seen.append((done, total)))
    return [one.record.id for one in trace.entries], seen


@pytest.mark.parametrize("since", range(6))
async def test_records_of_before_are_not_read(since: int) -> None:
    log = await log_of(*(NOW_MS + n * HOUR_MS for n in range(6)))
    found, progress = await found_since(log, NOW_MS + since * HOUR_MS)
    assert found == [f"e{n}" for n in range(since, 6)]
    assert progress[-1] == (6 - since, 6 - since)


async def test_records_a_little_out_of_order_are_found() -> None:
    log = await log_of(NOW_MS, NOW_MS + HOUR_MS + SLACK_MS // 2, NOW_MS + HOUR_MS - SLACK_MS // 2, NOW_MS + HOUR_MS)
    assert (await found_since(log, NOW_MS + HOUR_MS))[0] == ["e3", "e1"]


async def test_all_of_the_log_is_read_where_it_has_no_times() -> None:
    log = await log_of(0, 0, 0)
    assert len((await found_since(log, NOW_MS))[0]) == 3


async def test_empty_log_has_nothing() -> None:
    log = await log_of()
    assert await found_since(log, 0) == ([], [])
    log = await log_of(NOW_MS)
    assert await found_since(log, NOW_MS + 10 * HOUR_MS) == ([], [])


@given(st.lists(st.integers(1, 50), max_size=12), st.integers(0, 51))
async def test_begin_is_before_everything_of_the_time(steps: list[int], since: int) -> None:
    times = sorted(steps)
    log = await log_of(*times)
    ends = await log.end_offsets(partitions(*TOPICS))
    start = await starts_at(log, since, ends)
    wanted = next((n for n, time in enumerate(times) if time >= since), None)
    assert list(start.values()) == ([] if wanted is None else [wanted])
    assert all(isinstance(at, Partition) for at in start)
