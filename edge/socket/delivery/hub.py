"""Hub delivers the pushes of one node in the order of each lane, each once, to the subscribers who may see them.

A push that is next in its lane is delivered synchronously. Work that must wait (for a newer view, a store, a joining
session) is a job of its conversation, run by one task in order; pushes behind it queue, other conversations continue.
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
OPENED_AT_ONCE: Final = 500
"""Maximum number of channels that a login opens in one turn of the loop."""


class Hub:
    """The channels of one node. Its `changed` must be the `on_change` of the view."""

    def __init__(
        self,
        memberships: Memberships,
        lanes: Lanes,
        registration: NodeRegistration,
        health: Health,
        *,
        spawn: Spawn,
        look_soon: Callable[[], None],
    ) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._registration = registration
        self._health = health
        self._spawn = spawn
        self._channels: dict[str, Channel] = {}
        store_reads = StoreReads(health)
        self.users: Final = UserChannels(lanes, registration, store_reads, health, spawn=spawn, look_soon=look_soon)
        self._jobs = Jobs(
            GapRecovery(memberships, lanes, store_reads, health, look_soon),
            self._remove_finished,
            look_soon,
            health,
            spawn,
        )
        self._look_soon = look_soon

    @property
    def conversations(self) -> Iterable[str]:
        """The conversations with a subscriber on this node."""
        return self._channels.keys()

    def held(self) -> Collection[str]:
        """Return the names to register in presence, as they are now: conversations and users."""
        return {*self._channels, *self.users.held}

    def channel(self, conversation_id: str) -> Channel | None:
        """Return the channel of a conversation, if it has a subscriber on this node."""
        return self._channels.get(conversation_id)

    # Pushes

    def receive(self, payload: bytes) -> None:
        """Deliver the pushes of a payload from the bus. Never raises: a broken one is counted and recovered later."""
        for push in self.unpack(payload):
            self.deliver(push)

    def unpack(self, payload: bytes) -> list[Push]:
        """Return the pushes of a payload; none of a broken one."""
        try:
            return unpack_pushes(payload)
        except msgspec.DecodeError as error:
            self._health.count("payload_broken")
            logger.warning("a payload is not a list of pushes: %s", error)
            self._look_soon()
            return []

    def deliver(self, push: Push) -> None:
        """Deliver one push, in the order of arrival. Never raises."""
        try:
            self._deliver(push)
        except Exception:
            self._health.count("push_failed")
            of = {"correlation_id": correlation_of(push.frame)}
            logger.exception("push %s %s of %s failed", push.lane, push.n, push.conversation_id, extra=of)
            self._look_soon()

    def _deliver(self, push: Push) -> None:
        if push.to:
            self._deliver_to_user(push)
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
            self._fan_out(channel, push)
        elif push.n <= channel.last.get(push.lane, 0):
            self._health.count("push_duplicate")
        else:
            self._jobs.begin(channel, push)

    def _fan_out(self, channel: Channel, push: Push) -> None:
        delivered = channel.deliver(push.lane, push.n, push.seq, push.conversation_n, push.frame)
        self._health.counted["delivered"] += delivered
        if channel.leaving:
            self._remove_finished(channel)

    def _deliver_to_user(self, push: Push) -> None:
        """Deliver a push to one user alone."""
        if push.lane == USER:
            self.users.deliver(push)
        else:
            self.users.deliver_unnumbered(push)

    # Sessions

    async def attach(self, subscriber: Subscriber, greet: Callable[[], None]) -> None:
        """Subscribe a session to all its conversations and to its user lane: what is appended after `greet` was called
        is delivered.

        It does not wait for a store that is down. The channels are late then: their pushes wait until the heads can
        be read, and the lanes begin at the first heads read (see `see_heads`). So what a `sync` does not send is
        delivered, as always; without a `sync`, a row is missed that was saved before those heads were read and that
        neither its own push nor an earlier row's push reported.
        """
        try:
            await self._open_for(subscriber)
        except BaseException:
            self.users.detach(subscriber)
            raise
        greet()
        self.users.add(subscriber)
        for key in self._memberships.present_of_user(subscriber.tenant, subscriber.user_id):
            self._channels[key].add(subscriber)

    async def _open_for(self, subscriber: Subscriber) -> None:
        """Open the channels that a subscriber needs, and its user lane."""
        while True:
            keys = self._memberships.present_of_user(subscriber.tenant, subscriber.user_id)
            missing = [key for key in keys if key not in self._channels]
            opening = [found.opening for key in keys if (found := self._channels.get(key)) and found.opening]
            if missing:
                for start in range(0, len(missing), OPENED_AT_ONCE):
                    await self._open_missing(missing[start : start + OPENED_AT_ONCE])
            elif opening:
                await asyncio.shield(opening[0])
            elif not self.users.is_open(subscriber):
                await self.users.open(subscriber)
            else:
                return

    async def _open_missing(self, keys: list[str]) -> None:
        """Open the channels of these conversations that are still missing."""
        await self._open_all([self._new_channel(key) for key in keys if key not in self._channels])
        await asyncio.sleep(0)

    async def see_heads(self, subscriber: Subscriber) -> None:
        """Read the heads of late channels, before a `sync` reads heads: their lanes begin at these or before, so what
        the `sync` does not send is delivered. Raises `Unavailable`.
        """
        await self.users.see_head(subscriber)
        late = [channel for channel in subscriber.channels.values() if channel.heads_unknown and not channel.start]
        if late:
            heads = await self._lanes.heads([channel.id for channel in late])
            for channel in late:
                channel.note_heads(heads[channel.id])

    def detach(self, subscriber: Subscriber) -> None:
        """Unsubscribe a session that has ended."""
        self.users.detach(subscriber)
        for channel in list(subscriber.channels.values()):
            channel.remove(subscriber)
            self._close_empty(channel)

    # Memberships

    def changed(self, event: ConversationEvent, view: Conversation) -> None:
        """Apply an event that the view folded: added members join, and removed ones leave after they received it."""
        channel = self._channels.get(view.conversation_id)
        if channel is not None:
            channel.set_view(view)
            self._remove_finished(channel)
            if channel.skipped_view_version:
                channel.skipped_view_version = 0
                self._jobs.begin(channel, Heal())
        for user in users_of(event):
            for subscriber in self.users.subscribers(view.tenant, user) if view.is_member(user) else ():
                self._join(subscriber, view)

    def _join(self, subscriber: Subscriber, view: Conversation) -> None:
        channel = self._channels.get(view.conversation_id)
        new = channel is None
        channel = self._new_channel(view.conversation_id) if channel is None else channel
        if subscriber in channel.subscribers or subscriber in channel.joining:
            return
        channel.joining.add(subscriber)
        subscriber.channels[channel.id] = channel
        interval, left = view.members[subscriber.user_id].intervals[-1], subscriber.left.pop(channel.id, {})
        first = interval.first if left else interval.from_seq  # a returning session continues where it was
        starts = {"conversation": view.n - 1, **left, "sent": max(first - 1, left.get("sent", 0))}
        self._jobs.begin(channel, Join(subscriber, starts))
        if new:
            self._spawn(f"open {channel.id}", self._open_all([channel]))

    # Channels

    def _new_channel(self, conversation_id: str) -> Channel:
        """Return a new channel, whose pushes wait until it is open."""
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
        """Register the channels with the processors, and read their heads after that: so no row is missed."""
        try:
            await self._registration.enter([channel.id for channel in channels])
            heads = await self._lanes.heads([channel.id for channel in channels])
            for channel in channels:
                channel.last = heads[channel.id]
        except Unavailable as error:
            logger.warning("%d conversations open without heads: %s", len(channels), error, extra=REPEATS)
        finally:
            for channel in channels:
                self._jobs.opened(channel)
            if any(channel.heads_unknown for channel in channels):
                self._look_soon()

    def _close_empty(self, channel: Channel) -> None:
        if channel.empty and self._channels.get(channel.id) is channel:
            channel.closed = True
            del self._channels[channel.id]
            self._registration.leave(channel.id)

    def _remove_finished(self, channel: Channel) -> None:
        for subscriber in channel.finished_leaving():
            channel.remove(subscriber)
        self._close_empty(channel)

    # Jobs

    def heal(self, conversation_id: str, heads: dict[str, int], life: int) -> None:
        """Deliver rows that no push delivered, up to heads of this life of the store; a late channel begins there."""
        channel = self._channels.get(conversation_id)
        if channel is None or (channel.heads_unknown and not channel.start):
            return
        if channel.heads_unknown:
            self._jobs.begin_lanes(channel)
        self._jobs.begin(channel, Heal(heads, life))

    def undelivered(self, heads: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
        """Return those of these heads that this node has not delivered; of a late channel all, which notes them."""
        found: dict[str, dict[str, int]] = {}
        for key, lanes in heads.items():
            channel = self._channels.get(key)
            if channel is None or channel.opening is not None:
                continue
            if len(lanes) == len(LANES):
                channel.note_heads(lanes)
            unknown, last = channel.heads_unknown, channel.last
            if missing := {lane: head for lane, head in lanes.items() if unknown or head > last.get(lane, head)}:
                found[key] = missing
        return found
