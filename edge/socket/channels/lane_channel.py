"""LaneChannel tracks the delivered position of lanes on one node, and the subscribers that receive their pushes."""

import logging
from abc import ABC, abstractmethod
from typing import ClassVar, Final, Protocol

from edge.socket.channels.channel_state import CLOSED, Late, Opening, Positions, State, merge
from edge.socket.channels.subscriber import Subscriber

logger: Final = logging.getLogger("caas.hub")


class Numbered(Protocol):
    """What is delivered in a lane: a push, or the row that it was made from. `seq` is its message's, and
    `conversation_n` the version of the conversation that decides who may read it.
    """

    @property
    def n(self) -> int:
        """Its number in the lane."""
        ...

    @property
    def seq(self) -> int:
        """The rank of its message, 0 for none."""
        ...

    @property
    def conversation_n(self) -> int:
        """The minimum version of the view."""
        ...

    @property
    def frame(self) -> bytes:
        """The encoded frame."""
        ...


class LaneChannel(ABC):
    """The delivery of the lanes of one conversation or user. `last` has the last delivered number of each lane, and is
    empty until their heads have been read; `joining` are sent missing rows before they are subscribers.

    `id` is its name in pushes and in the node registry. Pushes up to `version` of a conversation can be delivered.
    """

    __slots__ = ("id", "joining", "last", "state", "subscribers", "version")
    lanes: ClassVar[tuple[str, ...]]

    def __init__(self, name: str, state: State) -> None:
        self.id: Final = name
        self.state = state
        self.last: dict[str, int] = {}
        self.version = 0
        self.subscribers: dict[Subscriber, None] = {}
        self.joining: frozenset[Subscriber] = frozenset()

    @property
    def empty(self) -> bool:
        """Whether no session here needs it."""
        return not self.subscribers and not self.joining and not isinstance(self.state, Opening)

    @property
    def closed(self) -> bool:
        """Whether nothing more is delivered."""
        return self.state is CLOSED

    @property
    def positions(self) -> Positions:
        """The positions that the lanes have or begin at; empty while they are unknown."""
        return self.state.heads if isinstance(self.state, Late) else self.last

    def change(self, state: State) -> None:
        """Enter a state."""
        self.state = state
        logger.debug("%s is %s", self.id, type(state).__name__.lower())

    def note_heads(self, heads: Positions) -> None:
        """Note heads that were read: the lanes of a late channel begin at the first that are complete."""
        if isinstance(self.state, Late) and not self.state.heads and len(heads) == len(self.lanes):
            self.state.heads = dict(heads)

    def begin_lanes(self) -> bool:
        """Begin the lanes of a late channel at the heads noted, if there are any. Return whether they begin now."""
        if not isinstance(self.state, Late) or not self.state.heads:
            return False
        self.last = merge(self.state.heads, self.state.queue.jobs)
        return True

    @abstractmethod
    async def sees(self, conversation_n: int, *, again: bool = False) -> bool:
        """Return whether it knows the readers of what needs this version of a conversation, after one wait of at most
        a second; `again` waits although the version did not come in an earlier wait.
        """

    @abstractmethod
    def reads(self, subscriber: Subscriber, lane: str, one: Numbered) -> bool:
        """Return whether the user of a subscriber may receive this push or row."""

    @abstractmethod
    def deliver(self, lane: str, one: Numbered) -> int:
        """Deliver the next push or row of a lane to the subscribers that may see it. Return their number."""

    @abstractmethod
    def remove_finished(self) -> bool:
        """Remove the subscribers that leave and have received everything up to their leave. Return whether any did."""

    def add(self, subscriber: Subscriber) -> None:
        """Add a subscriber that has received everything up to `last`."""
        self.joining -= {subscriber}
        self.subscribers[subscriber] = None

    def remove(self, subscriber: Subscriber) -> None:
        """Remove a subscriber."""
        self.joining -= {subscriber}
        self.subscribers.pop(subscriber, None)
