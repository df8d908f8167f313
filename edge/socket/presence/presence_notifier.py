"""PresenceNotifier sends the presence of users to the sessions of one node that subscribed to them and may see them.

Each change is sent once. A hint says only that a user changed; the status is then read. Each heartbeat reads all
subscribed users: after a lost hint, the death of a node or a join, the status is at most one heartbeat late.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from core.clock import Clock
from core.domain.presence import OFFLINE, combined
from core.health import Health
from core.identity import Identity
from core.outages import Outage
from core.ports.event_log import Unavailable
from core.ports.memberships import Memberships
from core.ports.node_registry import NodeRegistry
from core.ports.presence_store import PresenceRecord, PresenceStore
from core.presence_visibility import PresenceVisibility
from edge.socket.keyed_timers import KeyedTimers
from edge.socket.presence.presence_publisher import MIN_INTERVAL_S
from edge.socket.presence.presence_subscriptions import HIDDEN, PresenceSubscription, PresenceSubscriptions
from edge.socket.session.client_session import ClientSession
from edge.socket.session.protocol import State
from projections.inbox.inbox_rows import key_of
from schemas.wire import frames
from schemas.wire.views import PresenceView

logger: Final = logging.getLogger("caas.presence")
BATCH_SIZE: Final = 250


def registry_key(key: str) -> str:
    """Return the key under which nodes enter `NodeRegistry` to receive hints about a user."""
    return f"presence:{key}"


class PresenceNotifier:
    """Sends presence to the sessions of one node; `notify_changes` and `poll` run as long as the node."""

    def __init__(
        self,
        node: str,
        *,
        people: PresenceStore,
        presence: NodeRegistry,
        memberships: Memberships,
        clock: Clock,
        health: Health,
        poll_interval_s: float,
    ) -> None:
        self.subscriptions = PresenceSubscriptions()
        self._node = node
        self._people = people
        self._presence = presence
        self._memberships = memberships
        self._clock = clock
        self._health = health
        self._poll_interval_s = poll_interval_s
        self._lock = asyncio.Lock()
        self._timers: KeyedTimers[str] = KeyedTimers()

    @property
    def registry_keys(self) -> Iterator[str]:
        """The keys under which this node receives hints about users."""
        return (registry_key(subscription.key) for subscription in self.subscriptions)

    # Requests

    async def find(self, who: Identity, users: Iterable[str]) -> list[PresenceView]:
        """Return the presence of those of these users whom the caller may see. Raises `Unavailable`."""
        visibility = PresenceVisibility(self._memberships, who.tenant, who.user_id)
        seen = {user: key_of(who.tenant, user) for user in users if user in visibility}
        found = await self._people.find(list(seen.values()))
        now = self._clock.now()
        return [_view(user, found[key], now) for user, key in seen.items()]

    async def subscribe(self, client: ClientSession, users: Iterable[str]) -> list[PresenceView]:
        """Replace the subscriptions of a session by these. Return the presence of the users whom it may see.

        Raises `Unavailable`: nothing is changed then.
        """
        pinned = self.subscriptions.pin(client, users)
        try:
            await self._register([subscription for subscription in pinned if not subscription.registered])
            began = asyncio.get_running_loop().time()
            found = await self.find(client.identity, [subscription.user_id for subscription in pinned])
            views = {view.user_id: view for view in found}
            if client.session.state is State.CLOSED:
                return []
            sent = [
                views[subscription.user_id].status if subscription.user_id in views else HIDDEN
                for subscription in pinned
            ]
            self.subscriptions.replace(client, pinned, sent)
        finally:
            self.subscriptions.unpin(pinned)
        for subscription in pinned:
            if subscription.read >= began:  # another task read the user meanwhile, perhaps a newer status
                self._timers.at(subscription.key, subscription.read + MIN_INTERVAL_S)
        return found

    # Notifications

    def note_change(self, key: str) -> None:
        """Plan to read a user who changed, at most once a second."""
        subscription = self.subscriptions.get(key)
        if subscription is None:
            self._health.count("push_unwanted")
        else:
            self._timers.at(key, max(asyncio.get_running_loop().time(), subscription.read + MIN_INTERVAL_S))

    async def notify_changes(self) -> None:
        """Send the presence of users who changed, until it is cancelled."""
        while True:
            keys = await self._timers.due()
            changed = [subscription for key in keys if (subscription := self.subscriptions.get(key)) is not None]
            try:
                await self._read(changed)
            except Unavailable as error:
                self._health.count("presence_lost")
                logger.debug("presence changes wait for the next heartbeat: %s", error)

    async def poll(self) -> None:
        """Read all subscribed users with each heartbeat, until it is cancelled."""
        outage = Outage("presence: polls")
        while True:
            await asyncio.sleep(self._poll_interval_s)
            try:
                await self.poll_once()
                outage.ends()
            except Unavailable as error:
                outage.begins(error)

    async def poll_once(self) -> None:
        """Read all subscribed users and send what changed. Raises `Unavailable`."""
        await self._unregister(self.subscriptions.take_unwatched())
        await self._register([subscription for subscription in self.subscriptions if not subscription.registered])
        await self._read(list(self.subscriptions))

    async def _read(self, subscriptions: Sequence[PresenceSubscription]) -> None:
        for start in range(0, len(subscriptions), BATCH_SIZE):
            some = subscriptions[start : start + BATCH_SIZE]
            async with self._lock:  # or an older answer might be sent after a newer one
                await self._notify(some, await self._people.find([subscription.key for subscription in some]))

    async def _notify(self, subscriptions: Sequence[PresenceSubscription], found: Mapping[str, PresenceRecord]) -> None:
        if not self._memberships.fresh:
            return
        now = self._clock.now()
        for subscription in subscriptions:
            subscription.read = asyncio.get_running_loop().time()
            view = _view(subscription.user_id, found[subscription.key], now)
            if any(status != view.status for status in subscription.sent.values()):
                self._health.count("presence_told", self._send(subscription, view))
                await asyncio.sleep(0)  # sockets get their turn

    def _send(self, subscription: PresenceSubscription, view: PresenceView) -> int:
        """Send it to the sessions that may see the user and last received another status. Return their number."""
        visibility, frame, shown = (
            PresenceVisibility(self._memberships, subscription.tenant, subscription.user_id),
            frames.push("presence", view),
            0,
        )
        for client, status in subscription.sent.items():
            if status == view.status:
                continue
            if client.identity.user_id in visibility:
                client.subscriber.push(frame)
                subscription.sent[client] = view.status
                shown += 1
            else:
                subscription.sent[client] = HIDDEN
        return shown

    # Registration

    async def _register(self, subscriptions: Sequence[PresenceSubscription]) -> None:
        for start in range(0, len(subscriptions), BATCH_SIZE):
            some = subscriptions[start : start + BATCH_SIZE]
            await self._presence.enter(self._node, [registry_key(subscription.key) for subscription in some])
            for subscription in some:
                subscription.registered = True

    async def _unregister(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), BATCH_SIZE):
            some = keys[start : start + BATCH_SIZE]
            await self._presence.leave(self._node, [registry_key(key) for key in some])
            for key in some:
                if (again := self.subscriptions.get(key)) is not None:  # a session has subscribed again
                    again.registered = False


def _view(user_id: str, there: PresenceRecord, now: str) -> PresenceView:
    """Return what clients see; a user who is not offline was last seen now."""
    status = combined(there.statuses.values())
    return PresenceView(user_id=user_id, status=status, last_seen=there.seen if status == OFFLINE else now)
