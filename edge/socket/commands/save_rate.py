"""SaveRate measures how fast read models save what a node accepted, and says how much of it may wait."""

from collections import deque
from typing import Final

TARGET_S: Final = 0.1
"""Time in which what is unpersisted should be saved."""
WINDOW_S: Final = 0.25
"""Time over which the rate is measured."""


class SaveRate:
    """The rate within the last `WINDOW_S`. Times are seconds of one clock, in order."""

    __slots__ = ("_looks", "_saved", "limit")

    def __init__(self) -> None:
        self.limit = 0
        """Number of commands that were saved in `TARGET_S`, as last measured."""
        self._looks: deque[tuple[float, int]] = deque()
        self._saved = 0

    def begin(self, now: float) -> None:
        """Begin to measure after a pause, in which little was to be saved; the limit stays until the next look."""
        self._looks.clear()
        self._looks.append((now, self._saved))

    def saved(self, count: int, now: float) -> None:
        """Take the number of commands that were saved since the last look."""
        self._saved += count
        self._looks.append((now, self._saved))
        while len(self._looks) > 2 and self._looks[1][0] <= now - WINDOW_S:
            self._looks.popleft()
        begin, before = self._looks[0]
        if now > begin:
            self.limit = round((self._saved - before) / (now - begin) * TARGET_S)
