"""Unread: what one user has not read yet is computed when it is asked, from where the lanes stand and their own rows.

Nothing is counted per member: a message that is sent changes no row of those who are to read it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from core.domain.inbox import Inbox, as_it_is
from core.domain.member import Member
from core.ports.documents import Row
from projections.messages import message_rows, unread_markers


@dataclass(frozen=True, slots=True)
class Ours:
    """What a member's numbers rest on: their stays, their inbox, their row of `marks` and the last message's number."""

    member: Member
    inbox: Inbox
    marked: Row | None
    head: int

    @property
    def floor(self) -> int:
        """Up to here everything is read: by their cursor, or because they said something since or came later."""
        return max(self.inbox.read, unread_markers.spoke(self.marked), self.member.intervals[-1].from_seq - 1)

    @property
    def newest(self) -> int:
        """The number of the last message that is theirs to read in their present stay; 0 where there is none."""
        stay = self.member.intervals[-1]
        last = self.head if stay.until_seq is None else min(self.head, stay.until_seq)
        return last if last >= stay.from_seq else 0

    def at(self, now: str) -> "Ours":
        """The same at this time: an archiving that is over is none."""
        inbox = as_it_is(self.inbox, newest=self.newest, spoke=unread_markers.spoke(self.marked), at=now)
        return replace(self, inbox=inbox)

    @property
    def unread(self) -> int:
        """How many messages came after that, by their numbers: deleted and hidden ones count too."""
        until = self.member.intervals[-1].until_seq
        return max(0, (self.head if until is None else min(self.head, until)) - self.floor)

    @property
    def named(self) -> Sequence[str]:
        """The messages that may be mentions which they have not read."""
        return unread_markers.unread_named(self.marked, self.floor)


def mentions(ours: Ours, user_id: str, named: Iterable[Row]) -> int:
    """How many of these messages, which are not hidden from the user, name them now and are not read."""
    found = 0
    for row in named:
        view = message_rows.view(row)
        if view is not None and user_id in view.mentions and view.seq > ours.floor and ours.member.reads(view.seq):
            found += 1
    return found
