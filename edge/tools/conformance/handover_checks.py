"""How a client leaves a node that goes away: its next line is open before the old one, which serves on, is closed."""

from collections.abc import Callable, Hashable
from typing import Final

RULE: Final = "After going-away the client's next line is open before it leaves the one that serves on."
SERVED_S: Final = 3.0
"""Maximum time that a line serves on after the client may have opened its next."""


class Leaving:
    """The lines of one client; `holds` is called for each that was to be left, at its end."""

    def __init__(self, now: Callable[[], float], holds: Callable[[bool, str], None]) -> None:
        self._now = now
        self._holds = holds
        self._open: set[Hashable] = set()
        self._asked: dict[Hashable, float] = {}
        self._left_bare = False

    def opened(self, line: Hashable) -> None:
        """This line said hello."""
        if self._left_bare:
            self._left_bare = False
            self._holds(False, "a line was closed before the next was open")
        self._open.add(line)

    def asked(self, line: Hashable, after_s: float) -> None:
        """The client was asked to leave this line, which serves on, for another after so many seconds."""
        self._asked[line] = self._now() + after_s

    def is_over(self, line: Hashable) -> bool:
        """Whether this line has served on for as long as it may."""
        return line in self._asked and self._now() > self._asked[line] + SERVED_S

    def closed(self, line: Hashable) -> None:
        """This line is over. One that ended before another was wanted says nothing, nor does one after which no other
        comes: the client has ended.
        """
        self._open.discard(line)
        wanted = self._asked.pop(line, None)
        if wanted is not None and self._now() >= wanted:
            if self._open:
                self._holds(True, "")
            else:
                self._left_bare = True
