"""TimeSlice pauses long work on the event loop after each slice of time, so that other tasks run."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Final

SLICE_S: Final = 0.001
"""Maximum time in seconds that work runs before other tasks get their turn."""


class TimeSlice:
    """Measures for one piece of work the seconds since other tasks last had their turn; `now` returns the time."""

    def __init__(self, now: Callable[[], float] = perf_counter) -> None:
        self._now = now
        self._began = now()

    async def pause(self) -> None:
        """If this slice is over, let other tasks run and begin a new slice; otherwise return at once."""
        if self._now() - self._began > SLICE_S:
            await asyncio.sleep(0)
            self._began = self._now()
