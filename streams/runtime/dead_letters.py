"""Dead letters are counted one by one and logged one by one; of a flood some are, and the rest as a number."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from core.health import Health
from core.logfmt import value
from schemas.envelope import Record
from schemas.topics import DEAD_LETTER

logger: Final = logging.getLogger("caas.dead_letters")
LINES: Final = 10
"""Maximum number of dead letters that one processor logs in `PER_S`."""
PER_S: Final = 1.0
CAUSE_CHARS: Final = 300


class DeadLetterLog:
    """Counts and logs what a processor gave to the dead letters, as soon as it is durable there."""

    def __init__(self, processor: str, health: Health) -> None:
        self._processor = processor
        self._health = health
        self._lines = 0
        self._left_out = 0
        self._timer: asyncio.TimerHandle | None = None

    def buried(self, records: Sequence[Record]) -> None:
        """These are durable; those that are no dead letters are passed over."""
        for record in records:
            if record.topic == DEAD_LETTER:
                self._health.count(f"{self._processor}_dead_letters")
                self._log(record)

    def _log(self, record: Record) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PER_S, self._over)
        if self._lines >= LINES:
            self._left_out += 1
            return
        self._lines += 1
        said = {name: (found or b"").decode(errors="replace") for name, found in record.headers}
        logger.warning(
            "%s: dead letter topic=%s partition=%s offset=%s code=%s cause=%s",
            self._processor,
            value(said.get("__streams.errors.topic", "")),
            said.get("__streams.errors.partition", ""),
            said.get("__streams.errors.offset", ""),
            said.get("caas_dlq_code", ""),
            value(said.get("__streams.errors.message", "")[:CAUSE_CHARS]),
            extra={"correlation_id": said.get("correlation_id", "")},
        )

    def _over(self) -> None:
        """The second is over: say how many were left out of it."""
        if self._left_out:
            logger.warning("%s: %d more dead letters within %.0f s", self._processor, self._left_out, PER_S)
        self._lines = self._left_out = 0
        self._timer = None
