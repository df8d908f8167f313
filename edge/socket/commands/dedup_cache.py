"""A bounded memory of what this node appended: a repeat shares the first append's future, and appends nothing."""

from asyncio import Future
from collections import OrderedDict
from typing import Final

from core.domain.decision import Rejected

REMEMBERED: Final = 20_000


class DedupCache:
    """Event id → what it said (as a hash) and the future of its append; the oldest are forgotten.

    What is forgotten is appended again, and the fold arbitrates.
    """

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._known: OrderedDict[str, tuple[int, Future[int]]] = OrderedDict()

    def known(self, event_id: str, content: int) -> Future[int] | None:
        """The append of this very event, if it is remembered. Raises `Rejected` when it had another content."""
        found = self._known.get(event_id)
        if found is None:
            return None
        if found[0] != content:
            raise Rejected("idempotency_conflict")
        return found[1]

    def remember(self, event_id: str, content: int, appending: Future[int]) -> None:
        """Keep an append that has begun; one that fails is forgotten before anybody is told, so a retry appends."""

        def settled(future: Future[int]) -> None:
            failed = future.cancelled() or future.exception() is not None
            if failed and self._known.get(event_id, (0, None))[1] is future:
                del self._known[event_id]

        self._known[event_id] = (content, appending)
        appending.add_done_callback(settled)
        if len(self._known) > self._size:
            self._known.popitem(last=False)
