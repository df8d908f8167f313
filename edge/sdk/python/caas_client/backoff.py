"""Coming back later each time, and never all at once."""

import random
from dataclasses import dataclass
from typing import Final

FIRST_S = 0.1
LONGEST_S = 10.0
SOON_S = 0.8
SOON_TRIES = 20
LATER_S = 1.0
STEADY_S = 5.0
DRAINING: Final = 4101
RATE_LIMITED: Final = 4429


@dataclass(slots=True)
class Backoff:
    """Pauses in seconds: doubled with every failure up to a longest, each drawn from its upper half. `soon` of them are
    no longer than `SOON_S`; one that comes too often comes no sooner than after `at_least`.
    """

    first: float = FIRST_S
    longest: float = LONGEST_S
    failures: int = 0
    soon: int = 0
    at_least: float = 0.0

    def ended(self, code: int | None, lasted_s: float) -> None:
        """A line that lasted so long ended with this close code.

        After a steady one the pauses begin anew. A node that went away as planned is expected back: the next pauses
        stay short. Where one asked for too much the pauses go on from before, and the next one is a second or more.
        """
        if code == RATE_LIMITED:
            self.soon, self.at_least = 0, LATER_S
        elif lasted_s > STEADY_S:
            self.failures = self.soon = 0
        if code == DRAINING:
            self.soon = SOON_TRIES

    def next(self) -> float:
        """The pause after one more failure."""
        longest = SOON_S if self.soon > 0 else self.longest
        pause = pause_after(self.failures, self.first, longest)
        if pause < self.at_least:
            pause = self.at_least * random.uniform(1.0, 2.0)  # noqa: S311 - jitter, no secret
        self.failures += 1
        self.soon -= 1
        self.at_least = 0.0
        return pause


def pause_after(failures: int, first: float = FIRST_S, longest: float = LONGEST_S) -> float:
    """The pause when so many tries have failed before."""
    return min(longest, first * 2.0 ** min(failures, 30)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
