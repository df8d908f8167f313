"""UserChannel delivers the lane of one user to all of their sessions on one node."""

from edge.socket.channels.lane_channel import LaneChannel, Numbered
from edge.socket.channels.subscriber import Subscriber
from schemas.wire.frames import USER


class UserChannel(LaneChannel):
    """The lane of one user of one tenant: whatever is in it is for each of their sessions."""

    __slots__ = ()
    lanes = (USER,)

    async def sees(self, conversation_n: int, *, again: bool = False) -> bool:  # noqa: ARG002 - there is no view
        """Return true: the only reader is the user."""
        return True

    def reads(self, subscriber: Subscriber, lane: str, one: Numbered) -> bool:  # noqa: ARG002 - all of it is theirs
        """Return true."""
        return True

    def deliver(self, lane: str, one: Numbered) -> int:
        """Deliver the next push or row to every session. Return their number."""
        self.last[lane] = one.n
        self.send(one.frame)
        return len(self.subscribers)

    def remove_finished(self) -> bool:
        """Return false: nobody leaves themselves."""
        return False

    def send(self, frame: bytes) -> None:
        """Send a frame to every session."""
        for subscriber in self.subscribers:
            subscriber.push(frame)
