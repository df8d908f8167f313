"""DedupCache remembers this node's last appends: a repeat shares the first append's future, and appends nothing."""

from asyncio import Future
from collections import OrderedDict
from typing import Final

from core.domain.decision import Rejected

MAX_REMEMBERED: Final = 20_000
"""Maximum number of events that are remembered."""


class DedupCache:
    """Event id → hash of its content and the future of its append; the oldest are forgotten.

    A repeat of a forgotten event is appended again, and the fold deduplicates it.
    """

    def __init__(self, size: int = MAX_REMEMBERED) -> None:
        self._size = size
        self._known: OrderedDict[str, tuple[int, Future[int]]] = OrderedDict()

    def known(self, event_id: str, content: int) -> Future[int] | None:
        """Return the append of this event, if it is remembered. Raises `Rejected` when its content differs."""
        found = self._known.get(event_id)
        if found is None:
            return None
        if found[0] != content:
            raise Rejected("idempotency_conflict")
        return found[1]

    def remember(self, event_id: str, content: int, appending: Future[int]) -> None:
        """Remember an append that has begun; if it fails it is forgotten before its error is reported, so a retry
        appends again.
        """

        def forget_failed(future: Future[int]) -> None:
            failed = future.cancelled() or future.exception() is not None
            if failed and self._known.get(event_id, (0, None))[1] is future:
                del self._known[event_id]

        self._known[event_id] = (content, appending)
        appending.add_done_callback(forget_failed)
        if len(self._known) > self._size:
            self._known.popitem(last=False)
