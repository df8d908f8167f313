"""DedupCache remembers this node's last appends: a repeat shares the first append's result, and appends nothing."""

import asyncio
from asyncio import Future
from collections import OrderedDict
from typing import Final

from core.domain.decision import Rejected

MAX_REMEMBERED: Final = 20_000
"""Maximum number of events that are remembered."""


class DedupCache:
    """Event id → hash of its content, and its position or, until it is durable, the future of its append; the oldest
    are forgotten.

    A repeat of a forgotten event is appended again, and the fold deduplicates it.
    """

    def __init__(self, size: int = MAX_REMEMBERED) -> None:
        self._size = size
        self._known: OrderedDict[str, tuple[int, Future[int] | int]] = OrderedDict()

    def known(self, event_id: str, content: int) -> Future[int] | None:
        """Return the append of this event, if it is remembered. Raises `Rejected` when its content differs."""
        found = self._known.get(event_id)
        if found is None:
            return None
        if found[0] != content:
            raise Rejected("idempotency_conflict")
        if isinstance(found[1], Future):
            return found[1]
        durable: Future[int] = asyncio.get_running_loop().create_future()
        durable.set_result(found[1])
        return durable

    def remember(self, event_id: str, content: int, appending: Future[int]) -> None:
        """Remember an append that has begun; if it fails it is forgotten before its error is reported, so a retry
        appends again.
        """

        def ended(future: Future[int]) -> None:
            if self._known.get(event_id, (0, None))[1] is not future:
                return
            if future.cancelled() or future.exception() is not None:
                del self._known[event_id]
            else:
                self._known[event_id] = (content, future.result())

        self._known[event_id] = (content, appending)
        appending.add_done_callback(ended)
        if len(self._known) > self._size:
            self._known.popitem(last=False)
