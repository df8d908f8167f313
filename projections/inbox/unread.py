"""Computes a user's unread counts at each query, from the heads of the lanes and the user's own rows.

No count is stored per member: a sent message changes no row of its readers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from core.domain.inbox import Inbox, without_ended_archiving
from core.domain.member import Member
from core.ports.documents import Row
from projections.messages import message_rows, unread_markers


@dataclass(frozen=True, slots=True)
class UnreadState:
    """The data of a member's unread counts: membership intervals, inbox, row of `marks`, the last message's number."""

    member: Member
    inbox: Inbox
    marked: Row | None
    head: int

    @property
    def floor(self) -> int:
        """Everything up to this number is read: by the cursor, or because the member wrote later or joined later."""
        return max(self.inbox.read, unread_markers.spoke(self.marked), self.member.intervals[-1].from_seq - 1)

    @property
    def newest(self) -> int:
        """The number of the last message that the member may read in their latest interval; 0 if there is none."""
        interval = self.member.intervals[-1]
        last = self.head if interval.until_seq is None else min(self.head, interval.until_seq)
        return last if last >= interval.from_seq else 0

    def at(self, now: str) -> "UnreadState":
        """Return the state at this time: without an archiving that is over."""
        inbox = without_ended_archiving(self.inbox, newest=self.newest, spoke=unread_markers.spoke(self.marked), at=now)
        return replace(self, inbox=inbox)

    @property
    def unread(self) -> int:
        """The number of messages after `floor`: deleted and hidden ones count too."""
        until = self.member.intervals[-1].until_seq
        return max(0, (self.head if until is None else min(self.head, until)) - self.floor)

    @property
    def named(self) -> Sequence[str]:
        """The ids of messages after `floor` that may mention the member."""
        return unread_markers.unread_named(self.marked, self.floor)


def mentions(unread: UnreadState, user_id: str, named: Iterable[Row]) -> int:
    """Count the messages that mention the user now and are not read; `named` has none that the user has hidden."""
    found = 0
    for row in named:
        view = message_rows.view(row)
        if view is not None and user_id in view.mentions and view.seq > unread.floor and unread.member.reads(view.seq):
            found += 1
    return found
