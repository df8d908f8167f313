"""DeadLetterLog counts and logs each dead letter; of a flood it logs some, and the number of the others."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from core.health import Health
from core.logfmt import value
from schemas.envelope import Record
from schemas.topics import DEAD_LETTER

logger: Final = logging.getLogger("caas.dead_letters")
MAX_LINES: Final = 10
"""Maximum number of dead letters that one processor logs within `INTERVAL_S`."""
INTERVAL_S: Final = 1.0
MAX_CAUSE_CHARS: Final = 300


class DeadLetterLog:
    """Counts and logs the dead letters of a processor as soon as they are durable."""

    def __init__(self, processor: str, health: Health) -> None:
        self._processor = processor
        self._health = health
        self._lines = 0
        self._omitted = 0
        self._timer: asyncio.TimerHandle | None = None

    def record_durable(self, records: Sequence[Record]) -> None:
        """Count and log the dead letters among these durable records."""
        for record in records:
            if record.topic == DEAD_LETTER:
                self._health.count(f"{self._processor}_dead_letters")
                self._log(record)

    def _log(self, record: Record) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._end_interval)
        if self._lines >= MAX_LINES:
            self._omitted += 1
            return
        self._lines += 1
        headers = {name: (found or b"").decode(errors="replace") for name, found in record.headers}
        logger.warning(
            "%s: dead letter topic=%s partition=%s offset=%s code=%s cause=%s",
            self._processor,
            value(headers.get("__streams.errors.topic", "")),
            headers.get("__streams.errors.partition", ""),
            headers.get("__streams.errors.offset", ""),
            headers.get("caas_dlq_code", ""),
            value(headers.get("__streams.errors.message", "")[:MAX_CAUSE_CHARS]),
            extra={"correlation_id": headers.get("correlation_id", "")},
        )

    def _end_interval(self) -> None:
        """End the interval: log how many dead letters it left out."""
        if self._omitted:
            logger.warning("%s: %d more dead letters within %.0f s", self._processor, self._omitted, INTERVAL_S)
        self._lines = self._omitted = 0
        self._timer = None
