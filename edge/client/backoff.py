"""Coming back later each time, and never all at once."""

import random
from dataclasses import dataclass

FIRST_S = 0.1
LONGEST_S = 10.0
SOON_S = 0.8
SOON_TRIES = 20


@dataclass(slots=True)
class Backoff:
    """Pauses in seconds: doubled with every failure up to a longest, each drawn from its upper half. `soon` of them are
    no longer than `SOON_S`.
    """

    first: float = FIRST_S
    longest: float = LONGEST_S
    failures: int = 0
    soon: int = 0

    def comes_back_soon(self) -> None:
        """A node went away as planned, and is expected back: the next pauses stay short."""
        self.soon = SOON_TRIES

    def next(self) -> float:
        """The pause after one more failure."""
        longest = SOON_S if self.soon > 0 else self.longest
        pause = pause_after(self.failures, self.first, longest)
        self.failures += 1
        self.soon -= 1
        return pause


def pause_after(failures: int, first: float = FIRST_S, longest: float = LONGEST_S) -> float:
    """The pause when so many tries have failed before."""
    return min(longest, first * 2.0 ** min(failures, 30)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
