"""Slices of time: long work on the event loop stops for a moment after each of them, so that others get their turn."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Final

SLICE_S: Final = 0.001
"""So long one piece of work may go on before others get their turn."""


class TimeSlice:
    """Counts for one piece of work the seconds since others last had their turn; `now` says what time it is."""

    def __init__(self, now: Callable[[], float] = perf_counter) -> None:
        self._now = now
        self._began = now()

    async def pause(self) -> None:
        """Give others their turn and begin a new slice, where this one is over; else go on at once."""
        if self._now() - self._began > SLICE_S:
            await asyncio.sleep(0)
            self._began = self._now()
