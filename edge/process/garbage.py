"""Limit the pauses of the garbage collector: objects that survive a full collection are left out of the next ones.

A full collection looks through every object that can be in a cycle, and pauses the node meanwhile. Objects that
survived one nearly always stay. Once an hour all objects are collected again, so that old garbage in cycles is found.
"""

import gc
import time
from collections.abc import Callable
from typing import Final

THRESHOLDS: Final = (2_000, 5, 20)
"""The number of new objects between two collections, and after how many of these the survivors of the last ones, and
those of all since the last full one, are collected again. Each survivor is looked at three times whatever the numbers
are, and then frozen; the smaller they are, the shorter is a pause. Records make garbage but hardly any cycles.
"""
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
    gc.set_threshold(*THRESHOLDS)
    if not any(isinstance(callback, Survivors) for callback in gc.callbacks):
        gc.callbacks.append(Survivors())
    gc.freeze()  # what is imported stays
