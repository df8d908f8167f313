"""Channel tracks one conversation on one node: the delivered position of each lane, and its subscribers here."""

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
RESUMED_LANES: Final = ("sent", "edited", "deleted", "reaction")
"""The lanes that a returning user resumes at their last position; of the changes they receive their return."""
MAX_WAITING_PUSHES: Final = 1_000
"""Maximum number of pushes that wait for one conversation; later ones are healed from the rows."""


@dataclass(slots=True)
class Join:
    """Let a subscriber join: send it alone the rows after `starts` (which advance meanwhile), then add it."""

    subscriber: Subscriber
    starts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Heal:
    """Deliver the rows that no push delivered, up to these heads, which were read in this `life` of the store; None:
    up to the heads at the time of the job.
    """

    heads: dict[str, int] | None = None
    life: int = 0


Job = Push | Join | Heal


@dataclass(frozen=True, slots=True)
class Leave:
    """A subscriber whose user left: it receives changes up to `n` and messages up to `until_seq`, then is removed."""

    n: int
    until_seq: int


@dataclass(slots=True, eq=False)
class Channel:
    """The delivery state of one conversation. `last` has the last delivered number of each lane.

    While `jobs` is not None a job waits, and pushes queue behind it. `last` is empty until the heads have been read. If
    they could not be read at the opening, they are unknown: all jobs wait, and `start` has the first heads that this
    node has read since.
    """

    id: str
    view: Conversation
    last: dict[str, int] = field(default_factory=dict)
    start: dict[str, int] = field(default_factory=dict)
    subscribers: dict[Subscriber, None] = field(default_factory=dict)
    joining: set[Subscriber] = field(default_factory=set)
    leaving: dict[Subscriber, Leave] = field(default_factory=dict)
    jobs: deque[Job] | None = None
    opening: Future[None] | None = None
    skipped_view_version: int = 0
    pushes_dropped: bool = False
    closed: bool = False
    subscribers_cache: tuple[Callable[[bytes], None], ...] | None = None
    newest_from: int = 0

    @property
    def empty(self) -> bool:
        """Whether no session here needs it."""
        return not self.subscribers and not self.joining and self.opening is None

    @property
    def heads_unknown(self) -> bool:
        """Whether it is open without the heads of its lanes."""
        return not self.last and self.opening is None

    def note_heads(self, heads: Mapping[str, int]) -> None:
        """Note heads that were read: its lanes begin at the first ones read while its heads are unknown."""
        if self.heads_unknown and not self.start:
            self.start = dict(heads)

    def begin_lanes(self) -> None:
        """Set `last`: each lane begins at the head in `start`, or before its first waiting push."""
        last = dict(self.start)
        for job in self.jobs or ():
            if isinstance(job, Push):
                last[job.lane] = min(job.n - 1, last.get(job.lane, job.n - 1))
        self.last = last

    def set_view(self, view: Conversation) -> None:
        """Set a newer view; the subscribers whose user is no longer a member begin to leave."""
        self.view = view
        self.subscribers_cache = None
        for subscriber in self.subscribers:
            self._set_leaving(subscriber)

    def _set_leaving(self, subscriber: Subscriber) -> None:
        """Let a subscriber leave or stay, as the view says."""
        if self.view.is_member(subscriber.user_id):
            self.leaving.pop(subscriber, None)
        elif subscriber not in self.leaving:
            until = self.member(subscriber).intervals[-1].until_seq
            self.leaving[subscriber] = Leave(self.view.n, until or 0)
            subscriber.left[self.id] = {"sent": self.last.get("sent", 0)}

    def add(self, subscriber: Subscriber) -> None:
        """Add a subscriber that has received everything up to `last`."""
        self.joining.discard(subscriber)
        self.subscribers[subscriber] = None
        subscriber.channels[self.id] = self
        self.subscribers_cache = None
        self._set_leaving(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Remove a subscriber."""
        if subscriber in self.leaving and self.last:  # until now it received the changes of its messages
            subscriber.left[self.id] |= {lane: self.last[lane] for lane in RESUMED_LANES if lane != "sent"}
        self.joining.discard(subscriber)
        self.subscribers.pop(subscriber, None)
        self.leaving.pop(subscriber, None)
        subscriber.channels.pop(self.id, None)
        self.subscribers_cache = None

    def deliver(self, lane: str, n: int, seq: int, conversation_n: int, frame: bytes) -> int:
        """Deliver one numbered push to the subscribers that may see it. Return their number."""
        pushes = self.subscribers_cache if self.subscribers_cache is not None else self._build_cache()
        self.last[lane] = n
        if lane == CONVERSATION or seq >= self.newest_from:
            for push in pushes:
                push(frame)
            shown = len(pushes)
        else:
            shown = self._deliver_to_readers(seq, conversation_n, frame)
        return shown + self._deliver_to_leaving(lane, n, seq, conversation_n, frame) if self.leaving else shown

    def _build_cache(self) -> tuple[Callable[[bytes], None], ...]:
        present = [subscriber for subscriber in self.subscribers if subscriber not in self.leaving]
        members = self.view.members
        self.newest_from = max(
            (members[subscriber.user_id].intervals[-1].from_seq for subscriber in present), default=0
        )
        self.subscribers_cache = tuple(subscriber.push for subscriber in present)
        return self.subscribers_cache

    def _deliver_to_readers(self, seq: int, conversation_n: int, frame: bytes) -> int:
        """Deliver a push of an older message, which not every subscriber may read."""
        here = (subscriber for subscriber in self.subscribers if subscriber not in self.leaving)
        readers = [subscriber for subscriber in here if self.member(subscriber).reads(seq, conversation_n)]
        for subscriber in readers:
            subscriber.push(frame)
        return len(readers)

    def _deliver_to_leaving(self, lane: str, n: int, seq: int, conversation_n: int, frame: bytes) -> int:
        shown = 0
        for subscriber, leave in self.leaving.items():
            if n <= leave.n if lane == CONVERSATION else self.member(subscriber).reads(seq, conversation_n):
                subscriber.push(frame)
                shown += 1
        return shown

    def finished_leaving(self) -> list[Subscriber]:
        """Return the leaving subscribers that have received everything up to their leave."""
        changes, sent = self.last.get(CONVERSATION, 0), self.last.get("sent", 0)
        return [
            subscriber for subscriber, leave in self.leaving.items() if changes >= leave.n and sent >= leave.until_seq
        ]

    def member(self, subscriber: Subscriber) -> Member:
        """Return the user of a subscriber, who is or was a member."""
        return self.view.members[subscriber.user_id]
