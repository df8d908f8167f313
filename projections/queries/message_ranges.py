"""The messages of one conversation that a member may read, as one sequence: their stays, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.member import Member

Ranges = Sequence[range]
"""Runs of message numbers, ascending, apart, none empty."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of what a member reads, and whether there is more before and after it."""

    ranges: Ranges
    more_before: bool
    more_after: bool


def readable(member: Member, head: int) -> Ranges:
    """What a member reads of the messages 1 … `head`."""
    ends = ((stay.first, head if stay.until_seq is None else min(head, stay.until_seq)) for stay in member.intervals)
    return _joined(sorted((range(first, last + 1) for first, last in ends if first <= last), key=_start))


def _start(one: range) -> int:
    return one.start


def _joined(stays: Sequence[range]) -> Ranges:
    """Stays that go on where the one before ended are one."""
    joined: list[range] = []
    for stay in stays:
        if joined and joined[-1].stop >= stay.start:
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, stay.stop))
        else:
            joined.append(stay)
    return joined


def before(ranges: Ranges, seq: int | None, limit: int) -> Slice:
    """The last ones before `seq`, or of all."""
    end = _rank(ranges, seq)
    return _cut(ranges, max(0, end - limit), end)


def after(ranges: Ranges, seq: int, limit: int) -> Slice:
    """The first ones after `seq`."""
    start = _rank(ranges, seq + 1)
    return _cut(ranges, start, min(_rank(ranges, None), start + limit))


def around(ranges: Ranges, seq: int, limit: int) -> Slice:
    """As many before `seq` as from it on, more on one side where the other has no more."""
    last = _rank(ranges, None)
    start = max(0, min(_rank(ranges, seq) - limit // 2, last - limit))
    return _cut(ranges, start, min(last, start + limit))


def next_after(ranges: Ranges, seq: int) -> int | None:
    """The first one after `seq`."""
    return next((max(seq + 1, one.start) for one in ranges if one.stop > seq + 1), None)


def _rank(ranges: Ranges, seq: int | None) -> int:
    """How many come before `seq`; of all where it is None."""
    if seq is None:
        return sum(map(len, ranges))
    return sum(len(range(one.start, max(one.start, min(one.stop, seq)))) for one in ranges)


def _cut(ranges: Ranges, start: int, end: int) -> Slice:
    """From rank `start` to before rank `end`."""
    found, passed = list[range](), 0
    for one in ranges:
        part = one[max(0, start - passed) : max(0, end - passed)]
        passed += len(one)
        if part:
            found.append(part)
    return Slice(found, start > 0, end < passed)
