"""KeyedBuckets keeps one token bucket per key, as the time when it is full again (GCRA); full ones are dropped."""

from typing import Final

from core.ports.limits import Rate

MIN_WAIT_S: Final = 1e-6
"""A shorter wait counts as none: it is a rounding error."""
SWEEP_SIZE: Final = 10_000
"""Number of buckets at which full ones are first swept out; later at twice the number that was left."""


class KeyedBuckets:
    """Token buckets by key. Times are seconds of one clock; at most twice as many buckets are kept as are not full."""

    def __init__(self) -> None:
        self._full_at: dict[str, float] = {}
        self._sweep_at = SWEEP_SIZE

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str, rate: Rate, n: int, now: float) -> float:
        """Take `n` tokens, all or none. Return 0, or the seconds until `n` are available."""
        room = rate.burst / rate.per_s
        full_at = min(max(self._full_at.get(key, now), now), now + room) + n / rate.per_s
        wait_s = full_at - now - room
        if wait_s >= MIN_WAIT_S:
            return wait_s
        self._keep(key, full_at, now)
        return 0.0

    def take_up_to(self, key: str, rate: Rate, n: int, now: float) -> None:
        """Take up to `n` tokens: as many as are available."""
        full_at = max(self._full_at.get(key, now), now) + n / rate.per_s
        self._keep(key, min(full_at, now + rate.burst / rate.per_s), now)

    def _keep(self, key: str, full_at: float, now: float) -> None:
        self._full_at[key] = full_at
        if len(self._full_at) > self._sweep_at:
            self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
            self._sweep_at = max(SWEEP_SIZE, 2 * len(self._full_at))
