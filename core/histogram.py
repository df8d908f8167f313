"""Histogram counts durations in fixed buckets, at the price of one bisection: every message writes into it."""

from bisect import bisect_left
from typing import Final

BUCKETS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The upper bounds of the buckets in seconds, inclusive; what took longer is in one more."""


class Histogram:
    """How often something took how long. `counts` has a number for each of `BUCKETS_S`, and one for what took longer;
    `sum` is the time of all together, in seconds.
    """

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        """Count something that took this long, so many `times`."""
        self.counts[bisect_left(BUCKETS_S, seconds)] += times
        self.sum += seconds * times
