"""LagWatch knows how many records a worker is behind, how old the oldest is, and whether the worker stands still."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
import pytest

from core.health import Check
from core.ports.event_log import Received, Unavailable
from schemas.topics import MESSAGE_SENT, Partition, partition_of
from streams.log.memory import MemoryLog
from streams.runtime import lag_watch
from streams.runtime.lag_watch import ANSWER_TIMEOUT_S, FROZEN_AFTER_S, MAX_PAUSE_S, LagWatch, PartitionLag
from streams.runtime.worker import Worker
from tests.eventually import eventually
from tests.streams.world import World, said

AT = partition_of(MESSAGE_SENT, b"room")
START_S = 1_000.0
APPENDED_MS = 400_000


class TimedLog(MemoryLog):
    """A log whose records say when they were appended, and which can be away."""

    away = False
    reads = 0

    async def end_offsets(self, partitions: object) -> dict[Partition, int]:
        if self.away:
            raise Unavailable("the log is away")
        return await super().end_offsets(partitions)  # type: ignore[arg-type]

    async def read(
        self, start: Mapping[Partition, int], until: Mapping[Partition, int] | None = None, *, limit: int = 1000
    ) -> AsyncIterator[Sequence[Received]]:
        self.reads += 1
        async for batch in super().read(start, until, limit=limit):
            yield [msgspec.structs.replace(record, timestamp_ms=APPENDED_MS) for record in batch]


class Watched:
    """A worker that applies what it is told to, its watch, and a clock."""

    def __init__(self) -> None:
        self.world = World()
        self.world.log = self.log = TimedLog()
        self.now = START_S
        self.worker: Worker = self.world.worker()
        self.watch = LagWatch(self.worker, self.log, lambda: [AT], self.world.health, lambda: self.now)

    async def begin(self, records: int) -> None:
        await self.log.start()
        await self.world.append(*(said("room", n) for n in range(records)))
        await self.worker.begin(1, self.log.epoch)

    async def apply(self, first: int, end: int) -> None:
        async for batch in self.log.read({AT: first}, {AT: end}):
            await self.worker.work(batch)

    def gauge(self, name: str) -> float | None:
        """Its value in the one partition; None where there is none yet."""
        for found, values in self.world.health.labelled_gauges():
            if found == name:
                return values.get(("messages", MESSAGE_SENT, str(AT.number)))
        return None


@pytest.fixture
async def watched(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    monkeypatch.setattr(lag_watch, "INTERVAL_S", 0.01)
    found = Watched()
    await found.begin(5)
    running = asyncio.create_task(found.watch.run())
    yield found
    running.cancel()
    await asyncio.wait([running])


async def test_worker_that_has_applied_nothing_is_as_old_as_the_first_record(watched: Watched) -> None:
    await eventually(lambda: watched.gauge("projection_lag_events") == 5)
    await eventually(lambda: watched.gauge("projection_lag_seconds") == START_S - APPENDED_MS / 1000)
    assert watched.gauge("projection_frozen") == 0


async def test_worker_at_the_end_has_no_lag_however_old_the_last_record_is(watched: Watched) -> None:
    await watched.apply(0, 5)
    await eventually(lambda: watched.gauge("projection_lag_events") == 0)
    assert watched.gauge("projection_lag_seconds") == 0
    watched.now += 10 * FROZEN_AFTER_S
    await eventually(lambda: watched.gauge("projection_frozen") == 0)
    assert "messages: progress" not in watched.world.health.checks()


async def test_lag_of_a_worker_that_was_at_the_end_begins_there(watched: Watched) -> None:
    await watched.apply(0, 5)
    await eventually(lambda: watched.gauge("projection_lag_events") == 0)
    await watched.world.append(said("room", 5))
    await eventually(lambda: watched.gauge("projection_lag_events") == 1)
    watched.now += 7
    assert watched.gauge("projection_lag_seconds") == 7


async def test_worker_that_stands_still_is_frozen_and_warns_until_it_moves(watched: Watched) -> None:
    await eventually(lambda: watched.gauge("projection_lag_events") == 5)
    for _ in range(int(FROZEN_AFTER_S / ANSWER_TIMEOUT_S) + 1):
        watched.now += ANSWER_TIMEOUT_S
        await watched.watch.look()
    await eventually(lambda: watched.gauge("projection_frozen") == 1)
    output = f"it stands still in {AT.topic} {AT.number}, 5 records behind the log"
    await eventually(lambda: watched.world.health.checks().get("messages: progress") == Check("warn", output))
    assert watched.world.health.ready
    await watched.apply(0, 1)
    await eventually(lambda: watched.gauge("projection_frozen") == 0)
    await eventually(lambda: watched.world.health.checks()["messages: progress"] == Check("pass"))
    assert watched.gauge("projection_lag_events") == 4


async def test_log_that_is_away_makes_no_worker_frozen(watched: Watched) -> None:
    await eventually(lambda: watched.gauge("projection_lag_events") == 5)
    watched.log.away = True
    with pytest.raises(Unavailable):
        await watched.watch.look()
    watched.now += MAX_PAUSE_S + FROZEN_AFTER_S
    assert (watched.gauge("projection_lag_events"), watched.gauge("projection_frozen")) == (5, 0)
    watched.log.away = False
    await watched.watch.look()
    assert watched.gauge("projection_frozen") == 0


async def test_partition_that_went_to_another_worker_is_not_reported() -> None:
    found, assigned = Watched(), [AT]
    await found.begin(5)
    watch = LagWatch(found.worker, found.log, lambda: assigned, found.world.health, lambda: found.now)
    running = asyncio.create_task(watch.run())
    await eventually(lambda: found.gauge("projection_lag_events") == 5)
    assigned.clear()
    await watch.look()
    assert found.gauge("projection_lag_events") is None
    running.cancel()
    await asyncio.wait([running])


async def test_partition_that_comes_back_stands_where_another_worker_left_it(watched: Watched) -> None:
    await watched.apply(0, 1)
    other = watched.world.worker()
    await other.begin(1, watched.log.epoch)
    async for batch in watched.log.read({AT: 1}, {AT: 5}):
        await other.work(batch)
    assert watched.worker.next[AT] == 1
    await eventually(lambda: watched.gauge("projection_lag_events") == 0)


async def test_lag_grows_while_the_store_is_away(watched: Watched) -> None:
    await eventually(lambda: watched.gauge("projection_lag_events") == 5)
    watched.world.documents.down = True
    await watched.world.append(said("room", 5))
    await eventually(lambda: watched.gauge("projection_lag_events") == 6)


def test_age_is_that_of_the_next_record_at_most() -> None:
    lag = PartitionLag()
    lag.look(position=3, end=10, recorded_ms=950_000, now=START_S)
    assert (lag.events, lag.seconds(START_S)) == (7, 50)
    lag.look(position=8, end=10, recorded_ms=990_000, now=START_S + 2)
    assert lag.seconds(START_S + 2) == 12
    lag.look(position=10, end=10, recorded_ms=991_000, now=START_S + 4)
    assert lag.seconds(START_S + 9) == 0
    lag.look(position=10, end=11, recorded_ms=991_000, now=START_S + 6)
    assert lag.seconds(START_S + 7) == 3


def test_worker_that_went_back_is_as_old_as_what_it_applies_then() -> None:
    lag = PartitionLag()
    lag.look(position=10, end=10, recorded_ms=0, now=START_S)
    lag.look(position=2, end=10, recorded_ms=500_000, now=START_S + 2)
    assert lag.seconds(START_S + 2) == 502


def test_age_is_0_where_nothing_is_known() -> None:
    lag = PartitionLag()
    lag.look(position=0, end=4, recorded_ms=0, now=START_S)
    assert (lag.events, lag.after, lag.seconds(START_S)) == (4, None, 0)
