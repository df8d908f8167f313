"""The clock gives timestamps to show to people; nothing is ordered by them."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of the current time as RFC 3339 text, in UTC with milliseconds."""

    def now(self) -> str:
        """Return the current time, such as `2026-11-20T09:30:00.000Z`."""
        ...


class SystemClock:
    """The machine's clock. The text of a second is formatted once and kept."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def now(self) -> str:
        """Return the current time."""
        second, ms = divmod(time.time_ns() // 1_000_000, 1000)
        if second != self._second:
            self._second, self._text = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{ms:03d}Z"
