"""One conversation on one node: how far each lane was delivered, and the sessions here that are in step with it."""

from asyncio import Future
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from core.domain.conversation import Conversation
from core.domain.member import Member
from edge.socket.channels.subscriber import Subscriber
from schemas.wire.frames import Push

CONVERSATION: Final = "conversation"
FOLLOWED: Final = ("sent", "edited", "deleted", "reaction")
"""The lanes in which whoever returns goes on where they were; of the changes they are told their return."""
JOBS: Final = 1_000
"""So many pushes wait for one conversation; what comes then is healed later."""


@dataclass(slots=True)
class Join:
    """A seat that comes in: told by itself what lies beyond `starts` (they move as it is), then put in step."""

    seat: Subscriber
    starts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Heal:
    """Deliver what no push brought, up to these heads, read in this life of the store; None: up to the heads as they
    are then.
    """

    heads: dict[str, int] | None = None
    life: int = 0


Job = Push | Join | Heal


@dataclass(frozen=True, slots=True)
class Leave:
    """A seat whose user left: it is told of changes up to `n` and messages up to `until_seq`, then it goes."""

    n: int
    until_seq: int


@dataclass(slots=True, eq=False)
class Channel:
    """`last` says where each lane stands. While `jobs` is not None something waits, and pushes queue.

    `last` is empty until the heads have been read. Where they could not be when it opened, it is late: all its jobs
    wait, and `start` has the heads that this node read first since then.
    """

    id: str
    view: Conversation
    last: dict[str, int] = field(default_factory=dict)
    start: dict[str, int] = field(default_factory=dict)
    seats: dict[Subscriber, None] = field(default_factory=dict)
    joining: set[Subscriber] = field(default_factory=set)
    leaving: dict[Subscriber, Leave] = field(default_factory=dict)
    jobs: deque[Job] | None = None
    opening: Future[None] | None = None
    gave_up: int = 0
    behind: bool = False
    closed: bool = False
    crowd: tuple[Callable[[bytes], None], ...] | None = None
    newest_from: int = 0

    @property
    def empty(self) -> bool:
        """Whether nobody here needs it."""
        return not self.seats and not self.joining and self.opening is None

    @property
    def late(self) -> bool:
        """Whether it is open and nobody knows yet where its lanes stand."""
        return not self.last and self.opening is None

    def sees(self, heads: Mapping[str, int]) -> None:
        """All heads were read. The first that are read while it is late are where its lanes begin."""
        if self.late and not self.start:
            self.start = dict(heads)

    def settle(self) -> None:
        """It is late no longer: a lane begins at its first head, or before the first push of it that waits."""
        last = dict(self.start)
        for job in self.jobs or ():
            if isinstance(job, Push):
                last[job.lane] = min(job.n - 1, last.get(job.lane, job.n - 1))
        self.last = last

    def seen(self, view: Conversation) -> None:
        """The view moved on; seats whose user is no longer in it begin to leave."""
        self.view = view
        self.crowd = None
        for seat in self.seats:
            if view.holds(seat.user_id):
                self.leaving.pop(seat, None)
            elif seat not in self.leaving:
                until = view.members[seat.user_id].intervals[-1].until_seq
                self.leaving[seat] = Leave(view.n, until or 0)
                seat.left[self.id] = {"sent": self.last.get("sent", 0)}

    def take(self, seat: Subscriber) -> None:
        """Put a seat in step."""
        self.joining.discard(seat)
        self.seats[seat] = None
        seat.channels[self.id] = self
        self.seen(self.view)

    def drop(self, seat: Subscriber) -> None:
        """Forget a seat."""
        if seat in self.leaving and self.last:  # until now it was told what became of its messages
            seat.left[self.id] |= {lane: self.last[lane] for lane in FOLLOWED if lane != "sent"}
        self.joining.discard(seat)
        self.seats.pop(seat, None)
        self.leaving.pop(seat, None)
        seat.channels.pop(self.id, None)
        self.crowd = None

    def show(self, lane: str, n: int, seq: int, conversation_n: int, frame: bytes) -> int:
        """Deliver one numbered push to those who may see it, all in step; how many."""
        crowd = self.crowd if self.crowd is not None else self._gather()
        self.last[lane] = n
        if lane == CONVERSATION or seq >= self.newest_from:
            for push in crowd:
                push(frame)
            shown = len(crowd)
        else:
            shown = self._show_readers(seq, conversation_n, frame)
        return shown + self._show_leaving(lane, n, seq, conversation_n, frame) if self.leaving else shown

    def _gather(self) -> tuple[Callable[[bytes], None], ...]:
        present = [seat for seat in self.seats if seat not in self.leaving]
        members = self.view.members
        self.newest_from = max((members[seat.user_id].intervals[-1].from_seq for seat in present), default=0)
        self.crowd = tuple(seat.push for seat in present)
        return self.crowd

    def _show_readers(self, seq: int, conversation_n: int, frame: bytes) -> int:
        """An older message: not everyone who is here now was here then."""
        here = (seat for seat in self.seats if seat not in self.leaving)
        readers = [seat for seat in here if self.member(seat).reads(seq, conversation_n)]
        for seat in readers:
            seat.push(frame)
        return len(readers)

    def _show_leaving(self, lane: str, n: int, seq: int, conversation_n: int, frame: bytes) -> int:
        shown = 0
        for seat, leave in self.leaving.items():
            if n <= leave.n if lane == CONVERSATION else self.member(seat).reads(seq, conversation_n):
                seat.push(frame)
                shown += 1
        return shown

    def gone(self) -> list[Subscriber]:
        """The seats that have been told all that is theirs."""
        changes, sent = self.last.get(CONVERSATION, 0), self.last.get("sent", 0)
        return [seat for seat, leave in self.leaving.items() if changes >= leave.n and sent >= leave.until_seq]

    def member(self, seat: Subscriber) -> Member:
        """Whoever has a seat here is or was a member."""
        return self.view.members[seat.user_id]
