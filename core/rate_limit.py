"""TokenBucket limits the rate of one connection: when it is empty the caller waits; nothing is refused."""

from typing import NamedTuple

from schemas.bounds import COMMANDS_BURST, COMMANDS_PER_S


class TokenRate(NamedTuple):
    """The tokens per second in the long run, and the maximum at once after a pause; both at least 1."""

    per_s: int = COMMANDS_PER_S
    burst: int = COMMANDS_BURST

    @property
    def limits(self) -> dict[str, int]:
        """The rate as `hello.limits` has it."""
        return {"commands_per_s": self.per_s, "commands_burst": self.burst}


class TokenBucket:
    """A bucket of tokens that fills steadily. Times are seconds of one monotonic clock."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: TokenRate, now: float) -> None:
        self._rate = rate
        self._tokens = float(rate.burst)
        self._at = now

    def take(self, now: float) -> float:
        """Take a token. Return the seconds to wait before using it, 0 if one was available."""
        per_s, burst = self._rate
        self._tokens = min(burst, self._tokens + (now - self._at) * per_s) - 1
        self._at = now
        return max(0.0, -self._tokens / per_s)
