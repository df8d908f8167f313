"""Limit the pauses of the garbage collector: objects that survive a full collection are left out of the next ones.

A full collection looks through every object that can be in a cycle, and pauses the node meanwhile. Objects that
survived one nearly always stay. Once an hour all objects are collected again, so that old garbage in cycles is found.
"""

import gc
import time
from collections.abc import Callable
from typing import Final

EVERY: Final = 10_000
"""Number of new objects between two collections. Records make garbage but hardly any cycles."""
THAW_S: Final = 3_600.0
"""Minimum interval between two collections over all objects."""


class Survivors:
    """A callback of `gc.callbacks`; `now` returns seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._thawed_at = now()

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        """Freeze the objects that a full collection left; unfreeze them before the first one after `THAW_S`."""
        if info["generation"] < 2:
            return
        if phase == "stop":
            gc.freeze()
        elif self._now() - self._thawed_at >= THAW_S:
            self._thawed_at = self._now()
            gc.unfreeze()


def collect_rarely() -> None:
    """Configure the garbage collector for a server: call it when everything is imported."""
    gc.set_threshold(EVERY, 10, 50)
    if not any(isinstance(callback, Survivors) for callback in gc.callbacks):
        gc.callbacks.append(Survivors())
    gc.freeze()  # what is imported stays
