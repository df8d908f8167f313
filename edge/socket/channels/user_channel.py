"""UserChannel tracks one user on one node: their sessions here, and the delivered position of their own lane."""

from asyncio import Future
from dataclasses import dataclass, field

from edge.socket.channels.subscriber import Subscriber
from schemas.wire.frames import Push


@dataclass(slots=True, eq=False)
class UserChannel:
    """The user lane of one user of one tenant. `id` is its name in pushes and presence, `key` its name in the read
    model.

    The lane was delivered up to `last`, and is known to go up to `goal`. `last` is None until the head has been read.
    If it could not be read when their first session came, the lane begins at the first head read since (`start`), or
    before the first push that came meanwhile (`first`).
    """

    id: str
    key: str
    last: int | None = None
    first: int | None = None
    start: int | None = None
    goal: int = 0
    generation: int = 0
    subscribers: dict[Subscriber, None] = field(default_factory=dict)
    opening: Future[None] | None = None
    healing: bool = False
    closed: bool = False

    @property
    def head_unknown(self) -> bool:
        """Whether it is open without the head of its lane."""
        return self.last is None and self.opening is None

    @property
    def has_undelivered(self) -> bool:
        """Whether the lane is known to go beyond what was delivered."""
        return self.last is not None and self.last < self.goal

    def note_head(self, head: int) -> None:
        """Note a head that was read: the lane begins at the first one read while its head is unknown."""
        if self.head_unknown and self.start is None:
            self.start = head

    def begin_lane(self) -> None:
        """Set `last` if a head has been read since the opening."""
        if self.head_unknown and self.start is not None:
            self.last = self.start if self.first is None else min(self.start, self.first - 1)

    def expects(self, push: Push) -> None:
        """Note that there is more to deliver, up to this push."""
        if self.last is None:
            self.first = push.n if self.first is None else min(self.first, push.n)
        self.goal = max(self.goal, push.n)
        self.generation = max(self.generation, push.generation)

    def deliver(self, n: int, frame: bytes) -> int:
        """Deliver number `n` to every session. Return their number."""
        self.last = n
        self.send(frame)
        return len(self.subscribers)

    def send(self, frame: bytes) -> None:
        """Send a frame to every session."""
        for subscriber in self.subscribers:
            subscriber.push(frame)
