"""Finds the highest rate that a system sustains, in a few steps."""

from collections.abc import Awaitable, Callable


async def highest(
    sustained: Callable[[float], Awaitable[bool]], base: float, maximum: float, halvings: int = 0
) -> float:
    """Return the highest sustained rate of those tried, 0 if none was: `base` and its doubles up to `maximum` until one
    is not sustained, then so many rates between that one and the last good one, each halving the interval.
    """
    best, rate = 0.0, base
    while rate <= maximum and await sustained(rate):
        best, rate = rate, rate * 2
    if rate > maximum:
        return best
    for _ in range(halvings):
        middle = (best + rate) / 2
        if await sustained(middle):
            best = middle
        else:
            rate = middle
    return best
