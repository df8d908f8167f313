"""Bounds the pauses of the garbage collector: what survives a full collection is left out of the next ones.

A node that holds 80,000 conversations has 640,000 objects, and a full collection that looks through them stops it for
100 ms. What survived one is nearly always there to stay. Once an hour everything is looked through again, so that
garbage in cycles among the old is found as well.
"""

import gc
import time
from collections.abc import Callable
from typing import Final

EVERY: Final = 10_000
"""New objects that a collection waits for. Records make garbage but hardly cycles."""
THAW_S: Final = 3_600.0
"""Minimum interval between two collections that look through everything."""


class Survivors:
    """A callback of `gc.callbacks`; `now` gives seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._thawed_at = now()

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        """Freeze what a full collection left; unfreeze it before the first one after `THAW_S`."""
        if info["generation"] < 2:
            return
        if phase == "stop":
            gc.freeze()
        elif self._now() - self._thawed_at >= THAW_S:
            self._thawed_at = self._now()
            gc.unfreeze()


def collect_rarely() -> None:
    """Set the collector of this process for a server: call it when everything is imported."""
    gc.set_threshold(EVERY, 10, 50)
    if not any(isinstance(callback, Survivors) for callback in gc.callbacks):
        gc.callbacks.append(Survivors())
    gc.collect()
