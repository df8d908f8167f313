"""ConversationChannel delivers the lanes of one conversation on one node to the subscribers who may see each row."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from core.domain.conversation import Conversation
from core.domain.member import Member
from core.ports.event_log import Unavailable
from core.ports.memberships import Memberships, NotReady
from edge.socket.channels.channel_state import State
from edge.socket.channels.lane_channel import LaneChannel, Numbered
from edge.socket.channels.subscriber import Subscriber
from schemas.wire.frames import CONVERSATION, LANES

RESUMED_LANES: Final = ("sent", "edited", "deleted", "reaction")
"""The lanes that a returning user resumes at their last position; of the changes they receive their return."""
VIEW_TIMEOUT_S: Final = 1.0
"""Maximum time of one wait for the view."""


@dataclass(frozen=True, slots=True)
class Leave:
    """A subscriber whose user left: it receives changes up to `n` and messages up to `until_seq`, then is removed."""

    n: int
    until_seq: int


class ConversationChannel(LaneChannel):
    """The lanes of one conversation. `view` says who may see what; those in `leaving` still receive what came before
    their leave. `skipped_version` is a version for which a wait was in vain, 0 if there is none.
    """

    __slots__ = ("_memberships", "_newest_from", "_subscribers_cache", "leaving", "skipped_version", "view")
    lanes = LANES

    def __init__(self, view: Conversation, memberships: Memberships, state: State) -> None:
        super().__init__(view.conversation_id, state)
        self._memberships = memberships
        self._subscribers_cache: tuple[Callable[[bytes], None], ...] | None = None
        self._newest_from = 0
        self.leaving: dict[Subscriber, Leave] = {}
        self.skipped_version = 0
        self.view = view
        self.version = view.n

    # The view

    async def sees(self, conversation_n: int, *, again: bool = False) -> bool:
        """Return whether the view is as new as this version, after one wait of at most a second: readers are never
        guessed. What is not delivered because of that is recovered when the view is newer.
        """
        if self.version >= conversation_n:
            return True
        if again or conversation_n > self.skipped_version:
            with suppress(NotReady, Unavailable):  # it is loaded, unless nobody here is in it any more
                await self._memberships.wait_for(self.id, conversation_n, VIEW_TIMEOUT_S)
        view = self._memberships.get(self.id)
        if view is not None and view.n > self.version:
            self.set_view(view)
        if self.version >= conversation_n:
            return True
        self.skipped_version = max(self.skipped_version, conversation_n)
        return False

    def set_view(self, view: Conversation) -> None:
        """Set a newer view; the subscribers whose user is no longer a member begin to leave."""
        self.view = view
        self.version = view.n
        self._subscribers_cache = None
        for subscriber in self.subscribers:
            self._set_leaving(subscriber)

    def _set_leaving(self, subscriber: Subscriber) -> None:
        """Let a subscriber leave or stay, as the view says."""
        if self.view.is_member(subscriber.user_id):
            self.leaving.pop(subscriber, None)
        elif subscriber not in self.leaving:
            until = self._member(subscriber).intervals[-1].until_seq
            self.leaving[subscriber] = Leave(self.view.n, until or 0)
            subscriber.left[self.id] = {"sent": self.last.get("sent", 0)}

    def reads(self, subscriber: Subscriber, lane: str, one: Numbered) -> bool:
        """Return whether the user of a subscriber may receive this push or row."""
        return lane == CONVERSATION or self._member(subscriber).reads(one.seq, one.conversation_n)

    def _member(self, subscriber: Subscriber) -> Member:
        """Return the user of a subscriber, who is or was a member."""
        return self.view.members[subscriber.user_id]

    # Subscribers

    def join(self, subscriber: Subscriber) -> None:
        """Note a subscriber whose user was added: it is sent what it lacks, then it is added."""
        self.joining |= {subscriber}
        subscriber.channels[self.id] = self

    def add(self, subscriber: Subscriber) -> None:
        """Add a subscriber that has received everything up to `last`."""
        super().add(subscriber)
        subscriber.channels[self.id] = self
        self._subscribers_cache = None
        self._set_leaving(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Remove a subscriber."""
        if subscriber in self.leaving and self.last:  # until now it received the changes of its messages
            subscriber.left[self.id] |= {lane: self.last[lane] for lane in RESUMED_LANES if lane != "sent"}
        super().remove(subscriber)
        self.leaving.pop(subscriber, None)
        subscriber.channels.pop(self.id, None)
        self._subscribers_cache = None

    def remove_finished(self) -> bool:
        """Remove the subscribers that leave and have received everything up to their leave. Return whether any did."""
        if not self.leaving:
            return False
        changes, sent = self.last.get(CONVERSATION, 0), self.last.get("sent", 0)
        leaves = self.leaving.items()
        finished = [one for one, leave in leaves if changes >= leave.n and sent >= leave.until_seq]
        for subscriber in finished:
            self.remove(subscriber)
        return bool(finished)

    # Delivery

    def deliver(self, lane: str, one: Numbered) -> int:
        """Deliver the next push or row of a lane to the subscribers that may see it. Return their number."""
        pushes = self._subscribers_cache if self._subscribers_cache is not None else self._build_cache()
        self.last[lane] = one.n
        if lane == CONVERSATION or one.seq >= self._newest_from:
            frame = one.frame
            for push in pushes:
                push(frame)
            shown = len(pushes)
        else:  # an older message, which not every subscriber may read
            shown = len(self._deliver_to(self._present(), lane, one))
        return shown + self._deliver_to_leaving(lane, one) if self.leaving else shown

    def _build_cache(self) -> tuple[Callable[[bytes], None], ...]:
        present = self._present()
        self._newest_from = max((self._member(subscriber).intervals[-1].from_seq for subscriber in present), default=0)
        self._subscribers_cache = tuple(subscriber.push for subscriber in present)
        return self._subscribers_cache

    def _present(self) -> list[Subscriber]:
        return [subscriber for subscriber in self.subscribers if subscriber not in self.leaving]

    def _deliver_to_leaving(self, lane: str, one: Numbered) -> int:
        """Deliver to the leaving subscribers that may receive it: of the changes, those up to their leave. A message
        that was written without knowing of the leave is the last that a session has, where it goes on if its user
        returns.
        """
        still = [subscriber for subscriber, leave in self.leaving.items() if lane != CONVERSATION or one.n <= leave.n]
        readers = self._deliver_to(still, lane, one)
        for subscriber in readers if lane == "sent" else ():
            subscriber.left[self.id]["sent"] = one.n
        return len(readers)

    def _deliver_to(self, subscribers: Iterable[Subscriber], lane: str, one: Numbered) -> Sequence[Subscriber]:
        """Deliver to those of these subscribers that may receive it. Return them."""
        readers = [subscriber for subscriber in subscribers if self.reads(subscriber, lane, one)]
        for subscriber in readers:
            subscriber.push(one.frame)
        return readers
