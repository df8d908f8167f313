"""Buckets of tokens under keys: each is the time at which it will be full again (GCRA), and none once it is full."""

from typing import Final

from core.ports.limits import Rate

INSTANT_S: Final = 1e-6
"""Less than this is no wait, but a sum of fractions that does not come out even."""
SWEPT: Final = 10_000
"""So many buckets are looked through for full ones, then twice as many as were left."""


class KeyedBuckets:
    """Times are seconds of one clock. What is remembered is what is not full, and as much again."""

    def __init__(self) -> None:
        self._full_at: dict[str, float] = {}
        self._sweep_at = SWEPT

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str, rate: Rate, n: int, now: float) -> float:
        """Take `n` tokens, all of them or none: 0, or the seconds until so many will be there."""
        room = rate.burst / rate.per_s
        full_at = min(max(self._full_at.get(key, now), now), now + room) + n / rate.per_s
        wait_s = full_at - now - room
        if wait_s >= INSTANT_S:
            return wait_s
        self._keep(key, full_at, now)
        return 0.0

    def spill(self, key: str, rate: Rate, n: int, now: float) -> None:
        """Take `n` tokens, or as many as there are."""
        full_at = max(self._full_at.get(key, now), now) + n / rate.per_s
        self._keep(key, min(full_at, now + rate.burst / rate.per_s), now)

    def _keep(self, key: str, full_at: float, now: float) -> None:
        self._full_at[key] = full_at
        if len(self._full_at) > self._sweep_at:
            self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
            self._sweep_at = max(SWEPT, 2 * len(self._full_at))
