"""The messages of one conversation that a member may read, as one sequence of their membership intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.member import Member

Ranges = Sequence[range]
"""Ranges of message numbers: ascending, disjoint, none empty."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of what a member may read, and whether there is more before and after it."""

    ranges: Ranges
    more_before: bool
    more_after: bool


def readable(member: Member, head: int) -> Ranges:
    """Return what a member may read of the messages 1 … `head`."""
    ends = ((one.first, head if one.until_seq is None else min(head, one.until_seq)) for one in member.intervals)
    return _joined(sorted((range(first, last + 1) for first, last in ends if first <= last), key=_start))


def _start(part: range) -> int:
    return part.start


def _joined(parts: Sequence[range]) -> Ranges:
    """Return the ranges with those joined that overlap or touch."""
    joined: list[range] = []
    for part in parts:
        if joined and joined[-1].stop >= part.start:
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, part.stop))
        else:
            joined.append(part)
    return joined


def before(ranges: Ranges, seq: int | None, limit: int) -> Slice:
    """Return the last numbers before `seq`, or of all."""
    end = _rank(ranges, seq)
    return _cut(ranges, max(0, end - limit), end)


def after(ranges: Ranges, seq: int, limit: int) -> Slice:
    """Return the first numbers after `seq`."""
    start = _rank(ranges, seq + 1)
    return _cut(ranges, start, min(_rank(ranges, None), start + limit))


def around(ranges: Ranges, seq: int, limit: int) -> Slice:
    """Return as many numbers before `seq` as from it on, and more of one side if the other has too few."""
    last = _rank(ranges, None)
    start = max(0, min(_rank(ranges, seq) - limit // 2, last - limit))
    return _cut(ranges, start, min(last, start + limit))


def next_after(ranges: Ranges, seq: int) -> int | None:
    """Return the first number after `seq`."""
    return next((max(seq + 1, part.start) for part in ranges if part.stop > seq + 1), None)


def _rank(ranges: Ranges, seq: int | None) -> int:
    """Return how many numbers come before `seq`; the number of all if it is None."""
    if seq is None:
        return sum(map(len, ranges))
    return sum(len(range(part.start, max(part.start, min(part.stop, seq)))) for part in ranges)


def _cut(ranges: Ranges, start: int, end: int) -> Slice:
    """Return the numbers from rank `start` to before rank `end`."""
    found, passed = list[range](), 0
    for part in ranges:
        cut = part[max(0, start - passed) : max(0, end - passed)]
        passed += len(part)
        if cut:
            found.append(cut)
    return Slice(found, start > 0, end < passed)
