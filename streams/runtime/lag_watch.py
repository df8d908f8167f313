"""LagWatch compares how far a worker has come with where the log ends: its lag in records and in seconds, and whether
it stands still behind records that it should apply.

The age of the oldest record that was not applied is known without reading it: the log got it after the last one that
was applied, and after the moment at which the worker was last seen at the end. Only where neither is known, as after a
start that nothing follows, that one record is read.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from core.health import Health, Labelled
from core.ports.event_log import EventLog, LogTruncated, Unavailable
from core.positions import offset_in
from schemas.topics import Partition
from streams.runtime.worker import Worker

logger: Final = logging.getLogger("caas.lag")
INTERVAL_S: Final = 2.0
ANSWER_TIMEOUT_S: Final = 4.0
STORE_TIMEOUT_S: Final = 1.0
"""Maximum time for the checkpoints, within `ANSWER_TIMEOUT_S`: the lag grows while the store is away."""
FROZEN_AFTER_S: Final = 30.0
"""Seconds without progress after which a worker that is behind stands still."""
MAX_PAUSE_S: Final = 3 * ANSWER_TIMEOUT_S
"""Seconds between two looks after which the log was away meanwhile: a worker cannot move then."""


class PartitionLag:
    """The lag in one partition, as last looked: `position` is applied next, `events` records are not applied, `frozen`
    says whether it has not moved for `FROZEN_AFTER_S`, and the log got the oldest of them `after` that time. Times are
    in seconds since 1970.
    """

    def __init__(self) -> None:
        self.position = -1
        self.events = 0
        self.frozen = False
        self.after: float | None = None
        self._moved_at = 0.0
        self._looked_at = 0.0

    def look(self, position: int, end: int, recorded_ms: int, now: float) -> None:
        """Note that the worker applies `position` next, the log ends at `end`, and the log got the record before
        `position` at `recorded_ms`, 0 if that is not known. Where it was not looked at for long, nothing is known of
        its progress meanwhile.
        """
        if position < self.position:
            self.after = None
        self.events = max(0, end - position)
        if position != self.position or not self.events or now - self._looked_at > MAX_PAUSE_S:
            self._moved_at = now
        self.position, self._looked_at = position, now
        self.frozen = now - self._moved_at >= FROZEN_AFTER_S
        known = (self.after, recorded_ms / 1000 or None, None if self.events else now)
        self.after = max((one for one in known if one is not None), default=None)

    def seconds(self, now: float) -> float:
        """Return the age of the oldest record that was not applied, 0 if there is none or nothing is known of it."""
        return 0.0 if not self.events or self.after is None else max(0.0, now - self.after)


class LagWatch:
    """Watches one worker that has begun. `assigned` returns the partitions that it has now."""

    def __init__(
        self,
        worker: Worker,
        log: EventLog,
        assigned: Callable[[], Iterable[Partition]],
        health: Health,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._worker = worker
        self._name = worker.processor.name
        self._log = log
        self._assigned = assigned
        self._health = health
        self._now = now
        self._lags: dict[Partition, PartitionLag] = {}
        self._generation = worker.generation
        self._saved: dict[Partition, int] = {}

    async def run(self) -> None:
        """Look every `INTERVAL_S` until cancelled; what a log that does not answer hides stays as it was."""
        self._health.labelled_gauge("projection_lag_events", self._name, self._events)
        self._health.labelled_gauge("projection_lag_seconds", self._name, self._seconds)
        self._health.labelled_gauge("projection_frozen", self._name, self._frozen)
        while True:
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await self.look()
            except (Unavailable, LogTruncated, TimeoutError) as error:
                logger.debug("%s: the lag is not known: %s", self._name, error)
            self._report()
            await asyncio.sleep(INTERVAL_S)

    async def look(self) -> None:
        """Look once. Raises `Unavailable`, and `LogTruncated` where the log no longer has the next record."""
        places = list(self._assigned())
        ends = await self._log.end_offsets(places) if places else {}
        positions = await self._positions(ends)
        lags, now = {at: self._lags.get(at, PartitionLag()) for at in places}, self._now()
        for at, lag in lags.items():
            lag.look(positions[at], ends[at], self._worker.recorded_ms.get(at, 0), now)
        self._lags = lags
        await self._read_ages({at: lag for at, lag in lags.items() if lag.events and lag.after is None})

    async def _positions(self, ends: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return the next offset of each partition: what this worker applied last, or, of one that another worker had
        meanwhile, its checkpoint. Checkpoints are read only where this worker is behind and does not move.
        """
        if self._generation != self._worker.generation:
            self._generation, self._saved = self._worker.generation, {}
        applied = {at: self._worker.next.get(at, 0) for at in ends}
        still = (at for at, offset in applied.items() if at not in self._lags or offset <= self._lags[at].position)
        if any(applied[at] < ends[at] for at in still):
            await self._read_saved()
        return {at: max(offset, self._saved.get(at, 0)) for at, offset in applied.items()}

    async def _read_saved(self) -> None:
        """Read the checkpoints; a store that does not answer leaves those read before."""
        worker = self._worker
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                saved = await worker.documents.checkpoints(self._name, worker.generation)
        except (Unavailable, TimeoutError) as error:
            logger.debug("%s: its checkpoints are not known: %s", self._name, error)
        else:
            self._saved = {at: offset_in(worker.epoch, where) for at, where in saved.items()}

    async def _read_ages(self, lags: Mapping[Partition, PartitionLag]) -> None:
        """Read the next record of each of these partitions, to learn its age."""
        start = {at: lag.position for at, lag in lags.items()}
        if not start:
            return
        async for batch in self._log.read(start, {at: offset + 1 for at, offset in start.items()}):
            for record in batch:
                lags[record.at()].after = record.timestamp_ms / 1000 or None

    def _report(self) -> None:
        """Warn in `Health` of partitions in which the worker stands still."""
        check = f"{self._name}: progress"
        still = [f"{at.topic} {at.number}" for at, lag in sorted(self._lags.items()) if lag.frozen]
        if still:
            behind = sum(lag.events for lag in self._lags.values() if lag.frozen)
            self._health.warns(check, f"it stands still in {', '.join(still)}, {behind} records behind the log")
        elif check in self._health.checks():
            self._health.goes_on(check)

    def _events(self) -> Labelled:
        return {self._labels(at): lag.events for at, lag in self._lags.items()}

    def _seconds(self) -> Labelled:
        now = self._now()
        return {self._labels(at): lag.seconds(now) for at, lag in self._lags.items()}

    def _frozen(self) -> Labelled:
        return {self._labels(at): float(lag.frozen) for at, lag in self._lags.items()}

    def _labels(self, at: Partition) -> tuple[str, str, str]:
        return self._name, at.topic, str(at.number)
