"""Token buckets, each kept as the time when it is full again (GCRA). Times are seconds of one monotonic clock.

A `TokenBucket` limits one connection: when it is empty the caller waits, and nothing is refused. `KeyedBuckets` refuses
what is not available.
"""

from typing import Final, NamedTuple

MIN_WAIT_S: Final = 1e-6
"""A shorter wait counts as none: it is a rounding error."""
SWEEP_SIZE: Final = 10_000
"""Number of buckets at which full ones are first swept out; later at twice the number that was left."""


class Rate(NamedTuple):
    """The tokens per second in the long run, more than 0, and the maximum at once after a pause, at least 1."""

    per_s: float
    burst: int


def _full_if_empty(rate: Rate, now: float) -> float:
    """Return when a bucket is full again that is empty now."""
    return now + rate.burst / rate.per_s


def _spent(full_at: float, rate: Rate, n: int, now: float) -> float:
    """Return when a bucket is full again after `n` tokens were taken."""
    return max(full_at, now) + n / rate.per_s


def _wait_s(full_at: float, rate: Rate, now: float) -> float:
    """Return how long it takes until all tokens that were taken were available, 0 if they are."""
    wait = full_at - _full_if_empty(rate, now)
    return wait if wait >= MIN_WAIT_S else 0.0


class TokenBucket:
    """The bucket of one connection."""

    __slots__ = ("_full_at", "_rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._full_at = now

    def take(self, now: float) -> float:
        """Take a token. Return the seconds to wait before using it, 0 if one was available."""
        self._full_at = _spent(self._full_at, self._rate, 1, now)
        return _wait_s(self._full_at, self._rate, now)


class KeyedBuckets:
    """Buckets by key; at most twice as many are kept as are not full."""

    def __init__(self) -> None:
        self._full_at: dict[str, float] = {}
        self._sweep_at = SWEEP_SIZE

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str, rate: Rate, n: int, now: float) -> float:
        """Take `n` tokens, all or none. Return 0, or the seconds until `n` are available."""
        full_at = _spent(min(self._full_at.get(key, now), _full_if_empty(rate, now)), rate, n, now)
        wait = _wait_s(full_at, rate, now)
        if not wait:
            self._keep(key, full_at, now)
        return wait

    def take_up_to(self, key: str, rate: Rate, n: int, now: float) -> None:
        """Take up to `n` tokens: as many as are available."""
        full_at = _spent(self._full_at.get(key, now), rate, n, now)
        self._keep(key, min(full_at, _full_if_empty(rate, now)), now)

    def _keep(self, key: str, full_at: float, now: float) -> None:
        self._full_at[key] = full_at
        if len(self._full_at) > self._sweep_at:
            self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
            self._sweep_at = max(SWEEP_SIZE, 2 * len(self._full_at))
