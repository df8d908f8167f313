"""How much somebody may do, counted for all nodes together: a bucket of tokens under each key, which fills steadily."""

from typing import NamedTuple, Protocol


class Rate(NamedTuple):
    """So many tokens a second in the long run, more than 0, and so many at once after a rest, at least 1."""

    per_s: float
    burst: int


class Limits(Protocol):
    """A bucket that nobody has taken from is full, and one that is full is forgotten.

    The bucket of a key fills by one clock, whoever takes from it; a rate that changes counts from then on.
    """

    async def start(self) -> None:
        """Connect, without waiting for the server: callers go on without it."""
        ...

    async def stop(self) -> None:
        """Let go."""
        ...

    async def take(self, key: str, rate: Rate, n: int = 1) -> float:
        """Take `n` tokens, 1 to `rate.burst`, all of them or none.

        Answers 0 where they were taken, else the seconds until so many will be there, if nobody takes any meanwhile.
        Takers at the same moment never get more than there are. Raises `Unavailable` when the server is down: whether
        they were taken is not known then, and the caller counts by itself.
        """
        ...
