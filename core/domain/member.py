"""One person of a conversation: their stays, one after the other, and the role of the last one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.events import Role

UNKNOWN: Final = 1 << 53
"""Stands for a view that is not known: newer than any."""
RANKS: Final[Mapping[Role, int]] = {"member": 1, "admin": 2, "owner": 3}
"""How high a role stands; whoever is not in the conversation stands at 0."""
LEAVES: Final = 5
"""Maximum of times that somebody leaves a group by themselves and is let in again by others."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A stay: the messages `from_seq` … `until_seq` (None: to this day) came in it, and are the member's to read.

    Where the conversation shows what was said before to those who come later, it is theirs from `reads_from` on (0:
    from the beginning). Change number `ended_n` ended it (0: not known), `left` says that they went by themselves.
    Who did not know of that change yet wrote for this member as well: the messages that were decided on an older view,
    all before them included, are theirs, too (`reads`).
    """

    from_seq: int
    until_seq: int | None = None
    ended_n: int = 0
    reads_from: int = 0
    left: bool = False

    @property
    def first(self) -> int:
        """The first message that is the member's to read."""
        return self.reads_from or self.from_seq

    def reads(self, seq: int, conversation_n: int) -> bool:
        """Whether message `seq` lies in it; `conversation_n` is the newest view that it, or one before it, was decided
        on. So it is a run of messages, and a node that shows nothing newer than its view shows nothing beyond it.
        """
        return self.first <= seq and (self.until_seq is None or seq <= self.until_seq or conversation_n < self.ended_n)


@dataclass(frozen=True, slots=True)
class Member:
    """One person's stays, oldest first, and the role of the last one."""

    role: Role
    intervals: tuple[Interval, ...]

    @property
    def present(self) -> bool:
        """Whether the last stay goes on."""
        return self.intervals[-1].until_seq is None

    @property
    def rank(self) -> int:
        """How high they stand now."""
        return RANKS[self.role] if self.present else 0

    @property
    def left(self) -> bool:
        """Whether they went by themselves and are not back."""
        return self.intervals[-1].left

    @property
    def declines(self) -> bool:
        """Whether they left so often that nobody lets them in again."""
        return sum(stay.left for stay in self.intervals) >= LEAVES

    def reads(self, seq: int, conversation_n: int = UNKNOWN) -> bool:
        """Whether message `seq` is this member's to read (`Interval.reads`)."""
        return any(stay.reads(seq, conversation_n) for stay in self.intervals)


def comes(before: Member | None, role: Role, at_seq: int, reads_from: int = 0) -> Member:
    """Somebody in a new stay behind message `at_seq`, and behind the last one, whatever two nodes thought the last
    message was. What was said before is theirs from `reads_from` on, if it is not 0.
    """
    stays = () if before is None else before.intervals
    begins = max(at_seq, (stays[-1].until_seq or 0) if stays else 0) + 1
    return Member(role, (*stays, Interval(begins, reads_from=reads_from if reads_from < begins else 0)))


def goes(member: Member, at_seq: int, ended_n: int, *, left: bool) -> Member:
    """The member once the stay is over, by change `ended_n`, with message `at_seq`."""
    stay = member.intervals[-1]
    until = max(at_seq, stay.from_seq - 1)
    return Member(member.role, (*member.intervals[:-1], Interval(stay.from_seq, until, ended_n, stay.reads_from, left)))
