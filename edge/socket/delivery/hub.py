"""Hub gives the pushes of one node to the channels of their conversation or user, and sessions their channels.

A push that is next in its lane is delivered synchronously. Work that must wait (for a newer view, a store, a joining
session) is a job of its channel, run by one task in order; pushes behind it queue, other channels continue.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

import msgspec

from core.domain.conversation import Conversation
from core.health import Health
from core.outages import Outage
from core.ports.event_log import Unavailable
from core.ports.memberships import Memberships, NotReady, ViewChange
from core.ports.tracer import UNTRACED, Tracer
from edge.socket.channels.channel_state import Join, Recover, State
from edge.socket.channels.conversation_channel import ConversationChannel
from edge.socket.channels.delivery_meter import DeliveryMeter
from edge.socket.channels.jobs import Spawn
from edge.socket.channels.lane_channels import LaneChannels, Shared
from edge.socket.channels.lane_source import ConversationSource, UserSource
from edge.socket.channels.store_reads import StoreReads
from edge.socket.channels.subscriber import Subscriber
from edge.socket.channels.user_channel import UserChannel
from edge.socket.delivery.node_registration import NodeRegistration
from projections.inbox.inbox_rows import channel_of
from projections.queries.lanes import Lanes
from schemas.wire.frames import CONVERSATION, USER, Push, correlation_of, unpack_pushes

logger: Final = logging.getLogger("caas.hub")
FOLLOW_TIMEOUT_S: Final = 10.0
"""Maximum time that a login waits for the conversations of its user."""


class Hub:
    """The channels of one node: of conversations and of users. Its `changed` must subscribe to the view."""

    def __init__(
        self,
        memberships: Memberships,
        lanes: Lanes,
        registration: NodeRegistration,
        health: Health,
        *,
        spawn: Spawn,
        look_soon: Callable[[], None],
        tracer: Tracer = UNTRACED,
    ) -> None:
        self._memberships = memberships
        self._health = health
        self._look_soon = look_soon
        meter = DeliveryMeter(health, tracer=tracer)
        shared = Shared(lanes, registration, StoreReads(health), health, meter, spawn, look_soon)
        self.conversations: Final = LaneChannels(ConversationSource(lanes), shared, self._conversation_channel)
        self.users: Final = LaneChannels(UserSource(lanes), shared, UserChannel)

    def _conversation_channel(self, conversation_id: str, state: State) -> ConversationChannel:
        view = self._memberships.get(conversation_id)
        if view is None:
            raise LookupError(conversation_id)
        return ConversationChannel(view, self._memberships, state)

    def held(self) -> Collection[str]:
        """Return the names to register in presence, as they are now: conversations and users."""
        return {*self.conversations.names, *self.users.names}

    # Pushes

    def unpack(self, payload: bytes) -> list[Push]:
        """Return the pushes of a payload from the bus; none of a broken one, which is counted and recovered later."""
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
        if not push.to:
            self.conversations.deliver(push.conversation_id, push)
        elif push.lane == USER:
            self.users.deliver(push.conversation_id, push)
        elif (user := self.users.get(push.to)) is not None:
            user.send(push.frame)  # a receipt or an error has no number
        else:
            self._health.count("push_unwanted")

    # Sessions

    async def attach(self, subscriber: Subscriber, greet: Callable[[], None]) -> None:
        """Subscribe a session to all its conversations and to its user lane: what is appended after `greet` was called
        is delivered.

        It waits for a store that is down only if the user's conversations are not loaded: raises `NotReady` then, after
        10 s. If they are, the channels are late: their pushes wait until the heads can be read, and the lanes begin at
        the first heads read (see `see_heads`). So what a `sync` does not send is delivered, as always; without a
        `sync`, a row is missed that was saved before those heads were read and that neither its own push nor an
        earlier row's push reported.
        """
        own = [_user_name(subscriber)]
        await self._follow(subscriber)
        try:
            while not (
                await self.conversations.all_open(self._conversations_of(subscriber)) and await self.users.all_open(own)
            ):
                pass
        except BaseException:
            self.users.close_unused(own)
            self.conversations.close_unused(self._conversations_of(subscriber))
            self._memberships.unfollow(subscriber.tenant, subscriber.user_id)
            raise
        greet()
        self.users.add(own[0], subscriber)
        for conversation_id in self._conversations_of(subscriber):
            self.conversations.add(conversation_id, subscriber)

    async def _follow(self, subscriber: Subscriber) -> None:
        """Load the conversations of a session's user; wait for a store that is down. Raises `NotReady` after 10 s."""
        outage, ends = Outage("login"), asyncio.get_running_loop().time() + FOLLOW_TIMEOUT_S
        while True:
            try:
                await self._memberships.follow(subscriber.tenant, subscriber.user_id)
            except (NotReady, Unavailable) as error:
                outage.begins(error)
                if asyncio.get_running_loop().time() > ends:
                    raise NotReady("the conversations of the user cannot be read") from error
            else:
                outage.ends()
                return
            await asyncio.sleep(FOLLOW_TIMEOUT_S / 50)

    def detach(self, subscriber: Subscriber) -> None:
        """Unsubscribe a session that has ended."""
        if (user := self.users.get(_user_name(subscriber))) is not None:
            self.users.remove(user, subscriber)
        for channel in list(subscriber.channels.values()):
            self.conversations.remove(channel, subscriber)
        self._memberships.unfollow(subscriber.tenant, subscriber.user_id)

    async def see_heads(self, subscriber: Subscriber) -> None:
        """Read the heads of late channels, before a `sync` reads heads: their lanes begin at these or before, so what
        the `sync` does not send is delivered. Raises `Unavailable`.
        """
        user = self.users.get(_user_name(subscriber))
        await self.users.see_heads([] if user is None else [user])
        await self.conversations.see_heads(subscriber.channels.values())

    def _conversations_of(self, subscriber: Subscriber) -> Collection[str]:
        return self._memberships.present_of_user(subscriber.tenant, subscriber.user_id)

    # Memberships

    def changed(self, change: ViewChange) -> None:
        """Apply a change of the view: added members join, and removed ones leave after they received it."""
        view = change.view
        channel = self.conversations.get(view.conversation_id)
        if channel is not None:
            channel.set_view(view)
            self.conversations.settle(channel)
            if channel.skipped_version:
                channel.skipped_version = 0
                self.conversations.begin(channel, Recover())
        for user_id in change.members:
            user = self.users.get(channel_of(view.tenant, user_id))
            for subscriber in user.subscribers if user is not None else ():
                self._join(subscriber, view, change.n)

    def _join(self, subscriber: Subscriber, view: Conversation, n: int) -> None:
        """Let a subscriber join whose user was added by change `n`."""
        new = self.conversations.create([view.conversation_id])
        channel = new[0] if new else self.conversations.get(view.conversation_id)
        if channel is None or subscriber in channel.subscribers or subscriber in channel.joining:
            return
        channel.join(subscriber)
        interval, left = view.members[subscriber.user_id].interval_at(n), subscriber.left.pop(channel.id, {})
        first = interval.first if left else interval.from_seq  # a returning session continues where it was
        starts = {CONVERSATION: n - 1, **left, "sent": max(first - 1, left.get("sent", 0))}
        self.conversations.begin(channel, Join(subscriber, starts))
        if new:
            self.conversations.open_soon(channel)


def _user_name(subscriber: Subscriber) -> str:
    return channel_of(subscriber.tenant, subscriber.user_id)
