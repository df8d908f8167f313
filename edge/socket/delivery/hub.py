"""Who of this node gets what: pushes go out in the order of each lane, each once, to those who may see them.

The way of a push that is next in its lane is plain and synchronous. Whatever must wait (a newer view, a store, a
session that comes in) is a job of its conversation, done by one task in order; pushes behind it queue, other
conversations go on.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

import msgspec

from core.domain.conversation import Conversation
from core.health import Health
from core.outages import REPEATS
from core.ports.event_log import Unavailable
from core.ports.memberships import Memberships
from edge.socket.channels.channel import Channel, Heal, Join
from edge.socket.channels.gap_recovery import GapRecovery
from edge.socket.channels.jobs import Jobs, Spawn
from edge.socket.channels.store_reads import StoreReads
from edge.socket.channels.subscriber import Subscriber
from edge.socket.channels.user_channels import UserChannels
from edge.socket.delivery.node_registration import NodeRegistration
from projections.conversations.changes import users_of
from projections.queries.lanes import Lanes
from schemas.events import ConversationEvent
from schemas.wire.frames import LANES, USER, Push, correlation_of, unpack_pushes

logger: Final = logging.getLogger("caas.hub")


class Hub:
    """The channels of one node. Its `changed` must be the `on_change` of the view."""

    def __init__(
        self,
        memberships: Memberships,
        lanes: Lanes,
        standing: NodeRegistration,
        health: Health,
        *,
        spawn: Spawn,
        look_soon: Callable[[], None],
    ) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._standing = standing
        self._health = health
        self._spawn = spawn
        self._channels: dict[str, Channel] = {}
        turns = StoreReads(health)
        self.users: Final = UserChannels(lanes, standing, turns, health, spawn=spawn, look_soon=look_soon)
        self._jobs = Jobs(GapRecovery(memberships, lanes, turns, health), self._part, look_soon, health, spawn)
        self._look_soon = look_soon

    @property
    def conversations(self) -> Iterable[str]:
        """The conversations that somebody here is in."""
        return self._channels.keys()

    def held(self) -> Collection[str]:
        """What presence is told of, as it is now."""
        return {*self._channels, *self.users.held}

    def channel(self, conversation_id: str) -> Channel | None:
        """The channel of a conversation, where somebody here is in it."""
        return self._channels.get(conversation_id)

    # Pushes

    def receive(self, payload: bytes) -> None:
        """A hint from the bus: several pushes. Never raises: what is broken is counted, and healed later."""
        for push in self.unpack(payload):
            self.deliver(push)

    def unpack(self, payload: bytes) -> list[Push]:
        """The pushes of a hint; none of a broken one."""
        try:
            return unpack_pushes(payload)
        except msgspec.DecodeError as error:
            self._health.count("payload_broken")
            logger.warning("a hint that is no list of pushes: %s", error)
            self._look_soon()
            return []

    def deliver(self, push: Push) -> None:
        """One push, in the order of its coming. Never raises."""
        try:
            self._deliver(push)
        except Exception:
            self._health.count("push_failed")
            of = {"correlation_id": correlation_of(push.frame)}
            logger.exception("push %s %s of %s failed", push.lane, push.n, push.conversation_id, extra=of)
            self._look_soon()

    def _deliver(self, push: Push) -> None:
        if push.to:
            self._hand(push)
            return
        channel = self._channels.get(push.conversation_id)
        if channel is None:
            self._health.count("push_unwanted")
        elif channel.jobs is not None:
            self._jobs.queue(channel, push)
        elif (
            push.n == channel.last.get(push.lane, push.n - 1) + 1
            and push.conversation_n <= channel.view.n
            and self._lanes.knows(push.model, push.generation)
        ):
            self._show(channel, push)
        elif push.n <= channel.last.get(push.lane, 0):
            self._health.count("push_duplicate")
        else:
            self._jobs.begin(channel, push)

    def _show(self, channel: Channel, push: Push) -> None:
        shown = channel.show(push.lane, push.n, push.seq, push.conversation_n, push.frame)
        self._health.counted["delivered"] += shown
        if channel.leaving:
            self._part(channel)

    def _hand(self, push: Push) -> None:
        """What is for one user alone."""
        if push.lane == USER:
            self.users.deliver(push)
            return
        view = self._memberships.get(push.conversation_id)
        self.users.hand(push, None if view is None else view.tenant)

    # Sessions

    async def attach(self, seat: Subscriber, greet: Callable[[], None]) -> None:
        """Put a session in step with all its conversations and its user's own lane: what is appended after `greet` was
        called is delivered.

        It does not wait for a store that is down. The channels are late then: their pushes wait until the heads can
        be read, and the lanes begin at the heads that are read first (see `see_heads`). So what a `sync` does not
        tell is delivered, as ever; without a `sync` a row is missed that was saved before those heads were read and
        that neither its own push nor that of one before it has told of.
        """
        try:
            await self._ready(seat)
        except BaseException:
            self.users.detach(seat)
            raise
        greet()
        self.users.take(seat)
        for key in self._mine(seat):
            self._channels[key].take(seat)

    async def _ready(self, seat: Subscriber) -> None:
        """Open the channels that its user needs, and the lane."""
        while True:
            mine = self._mine(seat)
            missing = [key for key in mine if key not in self._channels]
            opening = [found.opening for key in mine if (found := self._channels.get(key)) and found.opening]
            if missing:
                await self._open_all([self._opening(key) for key in missing])
            elif opening:
                await asyncio.shield(opening[0])
            elif not self.users.holds(seat):
                await self.users.open(seat)
            else:
                return

    async def see_heads(self, seat: Subscriber) -> None:
        """To be called before a `sync` reads heads: the lanes of its late channels begin at these or before, so what
        the `sync` does not tell is delivered. Raises `Unavailable`.
        """
        await self.users.see_head(seat)
        late = [channel for channel in seat.channels.values() if channel.late and not channel.start]
        if late:
            heads = await self._lanes.heads([channel.id for channel in late])
            for channel in late:
                channel.sees(heads[channel.id])

    def detach(self, seat: Subscriber) -> None:
        """A session is over."""
        self.users.detach(seat)
        for channel in list(seat.channels.values()):
            channel.drop(seat)
            self._close_empty(channel)

    def _mine(self, seat: Subscriber) -> list[str]:
        """The conversations that its user is in now."""
        memberships = self._memberships
        return [
            key
            for key in memberships.of_user(seat.tenant, seat.user_id)
            if (view := memberships.get(key)) is not None and view.holds(seat.user_id)
        ]

    # Memberships

    def changed(self, event: ConversationEvent, view: Conversation) -> None:
        """The view folded an event: who was let in comes in, who is out leaves after being told."""
        channel = self._channels.get(view.conversation_id)
        if channel is not None:
            channel.seen(view)
            self._part(channel)
            if channel.gave_up:
                channel.gave_up = 0
                self._jobs.begin(channel, Heal())
        for user in users_of(event):
            for seat in self.users.seats(view.tenant, user) if view.holds(user) else ():
                self._join(seat, view)

    def _join(self, seat: Subscriber, view: Conversation) -> None:
        channel = self._channels.get(view.conversation_id)
        new = channel is None
        channel = self._opening(view.conversation_id) if channel is None else channel
        if seat in channel.seats or seat in channel.joining:
            return
        channel.joining.add(seat)
        seat.channels[channel.id] = channel
        stay, left = view.members[seat.user_id].intervals[-1], seat.left.pop(channel.id, {})
        begins = stay.first if left else stay.from_seq  # what was told so far is told on
        starts = {"conversation": view.n - 1, **left, "sent": max(begins - 1, left.get("sent", 0))}
        self._jobs.begin(channel, Join(seat, starts))
        if new:
            self._spawn(f"open {channel.id}", self._open_all([channel]))

    # Channels

    def _opening(self, conversation_id: str) -> Channel:
        """A new channel, whose pushes wait until it is open."""
        view = self._memberships.get(conversation_id)
        if view is None:
            raise LookupError(conversation_id)
        channel = Channel(conversation_id, view, jobs=deque())
        channel.opening = asyncio.get_running_loop().create_future()
        self._channels[conversation_id] = channel
        return channel

    async def _open_all(self, channels: list[Channel]) -> None:
        try:
            await self._open(channels)
        except BaseException:
            for channel in channels:
                self._close_empty(channel)
            raise

    async def _open(self, channels: list[Channel]) -> None:
        """Tell the processors that we are here, and then see where the lanes stand: nothing falls in between."""
        try:
            await self._standing.enter([channel.id for channel in channels])
            heads = await self._lanes.heads([channel.id for channel in channels])
            for channel in channels:
                channel.last = heads[channel.id]
        except Unavailable as error:
            logger.warning("%d conversations open without heads: %s", len(channels), error, extra=REPEATS)
        finally:
            for channel in channels:
                self._jobs.opened(channel)
            if any(channel.late for channel in channels):
                self._look_soon()

    def _close_empty(self, channel: Channel) -> None:
        if channel.empty and self._channels.get(channel.id) is channel:
            channel.closed = True
            del self._channels[channel.id]
            self._standing.left(channel.id)

    def _part(self, channel: Channel) -> None:
        for seat in channel.gone():
            channel.drop(seat)
        self._close_empty(channel)

    # Jobs

    def heal(self, conversation_id: str, heads: dict[str, int], life: int) -> None:
        """Deliver what no push brought, up to heads of this life of the store; a late channel begins with that."""
        channel = self._channels.get(conversation_id)
        if channel is None or (channel.late and not channel.start):
            return
        if channel.late:
            self._jobs.settled(channel)
        self._jobs.begin(channel, Heal(heads, life))

    def behind(self, heads: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
        """Of these heads, those that this node has not delivered; all those of a late channel, which now sees them."""
        found: dict[str, dict[str, int]] = {}
        for key, lanes in heads.items():
            channel = self._channels.get(key)
            if channel is None or channel.opening is not None:
                continue
            if len(lanes) == len(LANES):
                channel.sees(lanes)
            last = channel.last
            if missing := {lane: head for lane, head in lanes.items() if channel.late or head > last.get(lane, head)}:
                found[key] = missing
        return found
