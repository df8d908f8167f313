"""Checks that a client leaves a node that goes away by opening its next line before it closes the old one."""

from collections.abc import Callable, Hashable
from typing import Final

RULE: Final = "After going-away the client's next line is open before it closes the old one, which still serves."
SERVED_S: Final = 3.0
"""Maximum time in seconds that a line still serves after the client may have opened its next."""


class Leaving:
    """Tracks the lines of one client; `holds` is called at the end of each line that the client had to leave."""

    def __init__(self, now: Callable[[], float], holds: Callable[[bool, str], None]) -> None:
        self._now = now
        self._holds = holds
        self._open: set[Hashable] = set()
        self._asked: dict[Hashable, float] = {}
        self._left_bare = False

    def opened(self, line: Hashable) -> None:
        """Record that this line received hello."""
        if self._left_bare:
            self._left_bare = False
            self._holds(False, "a line was closed before the next was open")
        self._open.add(line)

    def asked(self, line: Hashable, after_s: float) -> None:
        """Record that the client must leave this line, which still serves, for another after `after_s` seconds."""
        self._asked[line] = self._now() + after_s

    def is_over(self, line: Hashable) -> bool:
        """Return whether this line has served for its maximum time."""
        return line in self._asked and self._now() > self._asked[line] + SERVED_S

    def closed(self, line: Hashable) -> None:
        """Record that this line is closed. A line that closed before the client had to leave it tests nothing, nor does
        one after which no other opens: the client has ended.
        """
        self._open.discard(line)
        wanted = self._asked.pop(line, None)
        if wanted is not None and self._now() >= wanted:
            if self._open:
                self._holds(True, "")
            else:
                self._left_bare = True
