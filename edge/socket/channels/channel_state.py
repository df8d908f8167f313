"""The states of a lane channel, the jobs that wait in them, and the pure rules by which pushes and rows are merged.

`Opening` → `Live`, when the heads of its lanes were read; → `Late`, when they could not be; `Late` → `Live` with the
first heads read since. `Live` ⇄ `Recovering`, while jobs wait. Each → `Closed`, when no session needs it any more.
"""

from asyncio import Future
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from edge.socket.channels.subscriber import Subscriber
from schemas.wire.frames import Push

MAX_WAITING_PUSHES: Final = 1_000
"""Maximum number of pushes that wait for one channel; later ones are recovered from the rows."""

Positions = Mapping[str, int]
"""Lane → number."""


@dataclass(slots=True)
class Join:
    """Let a subscriber join: send it alone the rows after `starts` (which advance meanwhile), then add it."""

    subscriber: Subscriber
    starts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Recover:
    """Deliver the rows that no push delivered, up to these heads, which were read in this `life` of the store; None:
    up to the heads at the time of the job.
    """

    heads: Positions | None = None
    life: int = 0


Job = Push | Join | Recover


@dataclass(slots=True)
class JobQueue:
    """The jobs that wait, in order. `dropped` says that pushes are missing, since too many jobs waited."""

    jobs: deque[Job] = field(default_factory=deque)
    dropped: bool = False

    def add(self, job: Job) -> bool:
        """Add a job. Return whether it was added: a push behind too many jobs is dropped."""
        if isinstance(job, Push) and len(self.jobs) >= MAX_WAITING_PUSHES:
            self.dropped = True
            return False
        self.jobs.append(job)
        return True

    def next(self) -> Job | None:
        """Remove and return the next job; behind the last one, the recovery of what was dropped."""
        if self.jobs:
            return self.jobs.popleft()
        if self.dropped:
            self.dropped = False
            return Recover()
        return None


@dataclass(slots=True, eq=False)
class Opening:
    """It is being registered, then the heads of its lanes are read. `opened` ends with that; channels share it."""

    opened: Future[None]
    queue: JobQueue = field(default_factory=JobQueue)


@dataclass(slots=True, eq=False)
class Late:
    """It was opened while the store was down. `heads` are the first that were read since, empty until then."""

    queue: JobQueue
    heads: Positions = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Live:
    """A push that is next in its lane is delivered at once."""


@dataclass(slots=True, eq=False)
class Recovering:
    """A task does the jobs in order; pushes wait behind them."""

    queue: JobQueue


@dataclass(slots=True, eq=False)
class Closed:
    """No session here needs it, and nothing more is delivered."""


State = Opening | Late | Live | Recovering | Closed

LIVE: Final = Live()
CLOSED: Final = Closed()


def order(last: Positions, lane: str, n: int) -> Literal["duplicate", "next", "gap"]:
    """Return where number `n` of a lane stands behind what was delivered. A lane without a position begins with it."""
    known = last.get(lane, n - 1)
    if n <= known:
        return "duplicate"
    return "next" if n == known + 1 else "gap"


def merge(heads: Positions, waiting: Iterable[Job]) -> dict[str, int]:
    """Return where the lanes of a late channel begin: each at its head, or before its first waiting push."""
    last = dict(heads)
    for job in waiting:
        if isinstance(job, Push):
            last[job.lane] = min(job.n - 1, last.get(job.lane, job.n - 1))
    return last
