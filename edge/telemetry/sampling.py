"""Sampling decides which requests are recorded: a share of those that begin a trace, and those of callers who record.

The library's own ratio compares the last 64 bits of a trace id. Ours are UUIDs, whose first bits there are fixed: below
a half, it would never sample. This one compares the last 56, which a UUID of version 4 and W3C trace context (level 2)
have at random; all nodes decide alike.
"""

import time
from collections.abc import Callable
from typing import Final

from core.rate_limit import KeyedBuckets, Rate
from schemas import trace_context
from schemas.trace_context import NOT_SAMPLED, SAMPLED

_RANDOM_BITS: Final = 56
_RANDOM_DIGITS: Final = _RANDOM_BITS // 4
_CALLERS: Final = "callers"


class Sampling:
    """The decisions of one process. `ratio` is the share from 0 to 1; `callers_per_s` the maximum number of requests a
    second that are recorded since their caller does, 0 for no limit: anybody may say so, and each costs.
    """

    def __init__(self, ratio: float, callers_per_s: int, now: Callable[[], float] = time.monotonic) -> None:
        self._below = round(ratio * (1 << _RANDOM_BITS))
        self._rate = Rate(callers_per_s, callers_per_s) if callers_per_s else None
        self._buckets = KeyedBuckets()
        self._now = now

    def flags(self, trace: str, caller: str) -> str:
        """Return the flags of a request in this trace; `caller` is the context that came with it, or empty."""
        if caller and not trace_context.is_sampled(caller):
            return caller[53:]
        if caller and self._has_room():
            return caller[53:]
        return SAMPLED if int(trace[-_RANDOM_DIGITS:], 16) < self._below else NOT_SAMPLED

    def _has_room(self) -> bool:
        return self._rate is None or self._buckets.take(_CALLERS, self._rate, 1, self._now()) == 0
