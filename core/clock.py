"""Time comes in from outside, for people: nothing is ordered by it."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Says what time it is: RFC 3339, UTC, milliseconds."""

    def now(self) -> str:
        """Such as `2026-11-20T09:30:00.000Z`."""
        ...


class SystemClock:
    """The machine's clock. A second's text is made once."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def now(self) -> str:
        """The time now."""
        second, ms = divmod(time.time_ns() // 1_000_000, 1000)
        if second != self._second:
            self._second, self._text = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{ms:03d}Z"
