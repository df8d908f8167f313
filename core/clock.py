"""Time comes in from outside, for people: nothing is ordered by it."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Says what time it is: RFC 3339, UTC, milliseconds."""

    def now(self) -> str:
        """Such as `2026-11-20T09:30:00.000Z`."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> str:
        """The time now."""
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
