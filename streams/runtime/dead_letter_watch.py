"""DeadLetterWatch counts the dead letters in their topic, by processor, and knows how old the oldest is.

Nothing takes dead letters out: one counts until the topic's retention has passed. They are counted by the hour.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from core.health import Health, Labelled
from core.ports.event_log import EventLog, LogTruncated, Received, Unavailable
from schemas.topics import DEAD_LETTER, TOPICS, Partition, partitions

logger: Final = logging.getLogger("caas.dead_letters")
INTERVAL_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 30.0
HOUR_MS: Final = 3_600_000
OTHER: Final = "other"
"""The label of a record that names no processor of ours: whoever can write to the topic may have written it."""


class DeadLetterWatch:
    """Watches the topic of dead letters; `processors` are the names that are told apart. `now` returns seconds since
    1970.
    """

    def __init__(
        self, log: EventLog, health: Health, processors: Iterable[str], now: Callable[[], float] = time.time
    ) -> None:
        self._log = log
        self._health = health
        self._now = now
        self._next: dict[Partition, int] = {}
        self._hours: dict[str, dict[int, tuple[int, int]]] = {name: {} for name in processors}
        """By processor and hour: how many, and when the first of them was written, in milliseconds."""

    async def run(self) -> None:
        """Read what is there and what comes, until cancelled; while the log is away the numbers stay as they were."""
        self._health.labelled_gauge("dlq_depth", "", self._depth)
        self._health.labelled_gauge("dlq_oldest_seconds", "", self._oldest)
        while True:
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await self.look()
            except (Unavailable, LogTruncated, TimeoutError) as error:
                logger.debug("dead letters are not counted for now: %s", error)
            await asyncio.sleep(INTERVAL_S)

    async def look(self) -> None:
        """Read what came since the last look. Raises `Unavailable`, and `LogTruncated`."""
        ends = await self._log.end_offsets(partitions(DEAD_LETTER))
        begins = await self._log.beginning_offsets(ends)
        start = {at: max(self._next.get(at, 0), begin) for at, begin in begins.items()}
        start = {at: offset for at, offset in start.items() if offset < ends[at]}
        if start:
            async for batch in self._log.read(start, {at: ends[at] for at in start}):
                self._add(batch)

    def _add(self, batch: Sequence[Received]) -> None:
        for record in batch:
            hours = self._hours.setdefault(self._processor_of(record), {})
            hour = record.timestamp_ms // HOUR_MS
            count, first_ms = hours.get(hour, (0, record.timestamp_ms))
            hours[hour] = count + 1, min(first_ms, record.timestamp_ms)
            self._next[record.at()] = record.offset + 1

    def _processor_of(self, record: Received) -> str:
        found = next((value for name, value in record.headers if name == "caas_dlq_projection"), None)
        name = (found or b"").decode(errors="replace")
        return name if name in self._hours else OTHER

    def _kept(self) -> Mapping[str, Sequence[tuple[int, int]]]:
        """Return what is not older than the topic's retention; forget the rest."""
        begin = (round(self._now() * 1000) - TOPICS[DEAD_LETTER].retention_ms) // HOUR_MS
        for hours in self._hours.values():
            for hour in [hour for hour in hours if hour < begin]:
                del hours[hour]
        return {processor: list(hours.values()) for processor, hours in self._hours.items()}

    def _depth(self) -> Labelled:
        return {(processor,): float(sum(count for count, _ in hours)) for processor, hours in self._kept().items()}

    def _oldest(self) -> Labelled:
        now = self._now()
        return {
            (processor,): max((now - first_ms / 1000 for _, first_ms in hours), default=0.0)
            for processor, hours in self._kept().items()
        }
