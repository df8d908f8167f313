"""Coming back later each time, and never all at once."""

import random
from dataclasses import dataclass

FIRST_S = 0.1
LONGEST_S = 10.0


@dataclass(slots=True)
class Backoff:
    """Pauses in seconds: doubled with every failure up to a longest, each drawn from its upper half."""

    first: float = FIRST_S
    longest: float = LONGEST_S
    failures: int = 0

    def next(self) -> float:
        """The pause after one more failure."""
        pause = pause_after(self.failures, self.first, self.longest)
        self.failures += 1
        return pause


def pause_after(failures: int, first: float = FIRST_S, longest: float = LONGEST_S) -> float:
    """The pause when so many tries have failed before."""
    return min(longest, first * 2.0 ** min(failures, 30)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
