"""Member is a user of a conversation: their membership intervals in order, and the role in the last one."""

from collections.abc import Mapping
from typing import Final

import msgspec

from schemas.events import Role

UNKNOWN: Final = 1 << 53
"""Used for an unknown view: newer than every view."""
RANKS: Final[Mapping[Role, int]] = {"member": 1, "admin": 2, "owner": 3}
"""The rank of each role; a user who is not a member has rank 0."""
MAX_LEAVES: Final = 5
"""After this number of departures by themselves a user is not added to a group again by others."""


class Interval(msgspec.Struct, frozen=True, gc=False):
    """A membership interval: messages `from_seq` … `until_seq` (None: it has not ended) are the member's to read.

    If the conversation shows earlier messages to new members, they read from `reads_from` on (0: from `from_seq` on).
    Change number `ended_n` ended it (0: unknown); `left` means that they left by themselves. A sender who did not know
    of that change yet wrote for this member as well: messages that were decided on an older view, and all before them,
    are the member's to read, too (`reads`).
    """

    from_seq: int
    until_seq: int | None = None
    ended_n: int = 0
    reads_from: int = 0
    left: bool = False

    @property
    def first(self) -> int:
        """The first message that the member may read."""
        return self.reads_from or self.from_seq

    def reads(self, seq: int, conversation_n: int) -> bool:
        """Return whether message `seq` is in it; `conversation_n` is the newest view that it or an earlier message was
        decided on. So an interval is contiguous, and a node that shows nothing newer than its view stays within it.
        """
        return self.first <= seq and (self.until_seq is None or seq <= self.until_seq or conversation_n < self.ended_n)


class Member(msgspec.Struct, frozen=True, gc=False):
    """A user's membership intervals, oldest first, and the role in the last one."""

    role: Role
    intervals: tuple[Interval, ...]

    @property
    def present(self) -> bool:
        """Whether the user is a member now."""
        return self.intervals[-1].until_seq is None

    @property
    def rank(self) -> int:
        """The rank now, 0 for a former member."""
        return RANKS[self.role] if self.present else 0

    @property
    def left(self) -> bool:
        """Whether they left by themselves and have not returned."""
        return self.intervals[-1].left

    @property
    def declines(self) -> bool:
        """Whether they left so often that they are not added again."""
        return sum(interval.left for interval in self.intervals) >= MAX_LEAVES

    def interval_at(self, n: int) -> Interval:
        """Return the interval at change `n` of a user who was a member after it: the first not ended by then."""
        return next((one for one in self.intervals if one.until_seq is None or one.ended_n > n), self.intervals[-1])

    def reads(self, seq: int, conversation_n: int = UNKNOWN) -> bool:
        """Return whether the member may read message `seq` (`Interval.reads`)."""
        return any(interval.reads(seq, conversation_n) for interval in self.intervals)


def with_new_interval(before: Member | None, role: Role, at_seq: int, reads_from: int = 0) -> Member:
    """Return the member with a new interval after message `at_seq`, and after their last interval, even if two nodes
    disagreed on the last message. Earlier messages are theirs from `reads_from` on, if it is not 0.
    """
    intervals = () if before is None else before.intervals
    first = max(at_seq, (intervals[-1].until_seq or 0) if intervals else 0) + 1
    return Member(role, (*intervals, Interval(first, reads_from=reads_from if reads_from < first else 0)))


def with_interval_ended(member: Member, at_seq: int, ended_n: int, *, left: bool) -> Member:
    """Return the member with the last interval ended by change `ended_n`, at message `at_seq`."""
    interval = member.intervals[-1]
    until = max(at_seq, interval.from_seq - 1)
    return Member(
        member.role, (*member.intervals[:-1], Interval(interval.from_seq, until, ended_n, interval.reads_from, left))
    )
