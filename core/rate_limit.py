"""How fast somebody may go: a bucket of tokens that fills steadily. Whoever finds it empty waits; nobody is refused."""

from typing import NamedTuple

from schemas.bounds import COMMANDS_BURST, COMMANDS_PER_S


class TokenRate(NamedTuple):
    """So many a second in the long run, and so many at once after a rest; both at least 1."""

    per_s: int = COMMANDS_PER_S
    burst: int = COMMANDS_BURST

    @property
    def told(self) -> dict[str, int]:
        """What `hello.limits` says of it."""
        return {"commands_per_s": self.per_s, "commands_burst": self.burst}


class TokenBucket:
    """One holder's tokens. Times are seconds of one monotonic clock."""

    __slots__ = ("_at", "_pace", "_tokens")

    def __init__(self, pace: TokenRate, now: float) -> None:
        self._pace = pace
        self._tokens = float(pace.burst)
        self._at = now

    def take(self, now: float) -> float:
        """Take a token; the seconds to wait before it may be used, 0 where one was there."""
        per_s, burst = self._pace
        self._tokens = min(burst, self._tokens + (now - self._at) * per_s) - 1
        self._at = now
        return max(0.0, -self._tokens / per_s)
