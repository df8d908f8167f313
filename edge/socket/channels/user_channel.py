"""One user on one node: their sessions here, and how far their own lane was delivered to them."""

from asyncio import Future
from dataclasses import dataclass, field

from edge.socket.channels.subscriber import Subscriber
from schemas.wire.frames import Push


@dataclass(slots=True, eq=False)
class UserChannel:
    """`id` is what pushes and presence call it, `key` what the read model does; another tenant's is another user.

    The lane was delivered up to `last`, and is known to go up to `goal`. `last` is None until the head has been read.
    Where it could not be when their first session came, the lane is late: it begins at the head that is read first
    since then (`start`), or before the first push that came meanwhile (`first`).
    """

    id: str
    key: str
    name: str
    last: int | None = None
    first: int | None = None
    start: int | None = None
    goal: int = 0
    generation: int = 0
    seats: dict[Subscriber, None] = field(default_factory=dict)
    opening: Future[None] | None = None
    healing: bool = False
    closed: bool = False

    @property
    def late(self) -> bool:
        """Whether it is open and nobody knows yet where its lane stands."""
        return self.last is None and self.opening is None

    @property
    def behind(self) -> bool:
        """Whether there is more to deliver."""
        return self.last is not None and self.last < self.goal

    def sees(self, head: int) -> None:
        """The head was read. The first that is read while it is late is where the lane begins."""
        if self.late and self.start is None:
            self.start = head

    def settle(self) -> None:
        """It is late no longer, where a head has been read."""
        if self.late and self.start is not None:
            self.last = self.start if self.first is None else min(self.start, self.first - 1)

    def expects(self, push: Push) -> None:
        """There is more to deliver, up to this push."""
        if self.last is None:
            self.first = push.n if self.first is None else min(self.first, push.n)
        self.goal = max(self.goal, push.n)
        self.generation = max(self.generation, push.generation)

    def show(self, n: int, frame: bytes) -> int:
        """Deliver number `n` to every session; to how many."""
        self.last = n
        self.tell(frame)
        return len(self.seats)

    def tell(self, frame: bytes) -> None:
        """Give a frame to every session."""
        for seat in self.seats:
            seat.push(frame)
