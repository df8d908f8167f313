"""RecentPushes keeps the numbered pushes of the last second, for a node that was not known when they were sent.

A node enters a conversation and then reads its heads. What is saved after that is pushed to it once its announcement
has arrived; what was pushed before is sent again then. A node drops what it has already, by the numbers.
"""

from collections import deque
from collections.abc import Collection, Sequence
from typing import Final

from schemas.wire.frames import Push

MAX_AGE_S: Final = 1.0
"""Time for which a push is kept, in seconds: an announcement that is later is one that was lost."""
MAX_PUSHES: Final = 10_000


def name_of(push: Push) -> str:
    """Return the name in the node registry to which a push goes."""
    return push.to or push.conversation_id


class RecentPushes:
    """The last pushes, by the names to which they went. Times are in seconds of one clock."""

    def __init__(self) -> None:
        self._order: deque[tuple[float, str]] = deque()
        self._of: dict[str, deque[Push]] = {}

    def add(self, now: float, pushes: Sequence[Push]) -> None:
        """Keep those that have a number; drop the old ones."""
        for push in pushes:
            if push.n:
                self._order.append((now, name_of(push)))
                self._of.setdefault(name_of(push), deque()).append(push)
        self._drop(now)

    def find(self, now: float, names: Collection[str]) -> list[Push]:
        """Return the pushes to these names, in order for each name."""
        self._drop(now)
        return [push for name in sorted(name for name in names if name in self._of) for push in self._of[name]]

    def _drop(self, now: float) -> None:
        while self._order and (self._order[0][0] < now - MAX_AGE_S or len(self._order) > MAX_PUSHES):
            _, name = self._order.popleft()
            pushes = self._of[name]
            pushes.popleft()
            if not pushes:
                del self._of[name]
