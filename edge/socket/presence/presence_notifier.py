"""Tells the sessions of a node how people are there: a change once, to whoever may see it when it is told.

A hint says only that somebody changed; what is told is read then. With each heartbeat everybody who is watched is
read: a lost hint, a node that died and a conversation that one came into cost one heartbeat.
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
from edge.socket.presence.presence_publisher import APART_S
from edge.socket.presence.presence_subscriptions import NOTHING, PresenceSubscription, PresenceSubscriptions
from edge.socket.session.client_session import ClientSession
from edge.socket.session.protocol import State
from projections.inbox.inbox_rows import key_of
from schemas.wire import frames
from schemas.wire.views import PresenceView

logger: Final = logging.getLogger("caas.presence")
AT_ONCE: Final = 250


def registry_key(key: str) -> str:
    """What nodes enter in `NodeRegistry` that want to hear of a person."""
    return f"presence:{key}"


class PresenceNotifier:
    """What one node tells of people; `turns` and `looks` run as long as the node."""

    def __init__(
        self,
        node: str,
        *,
        people: PresenceStore,
        presence: NodeRegistry,
        memberships: Memberships,
        clock: Clock,
        health: Health,
        look_s: float,
    ) -> None:
        self.watches = PresenceSubscriptions()
        self._node = node
        self._people = people
        self._presence = presence
        self._memberships = memberships
        self._clock = clock
        self._health = health
        self._look_s = look_s
        self._turn = asyncio.Lock()
        self._alarms: KeyedTimers[str] = KeyedTimers()

    @property
    def places(self) -> Iterator[str]:
        """Where this node wants to hear of people."""
        return (registry_key(watch.key) for watch in self.watches)

    # Asked

    async def find(self, who: Identity, users: Iterable[str]) -> list[PresenceView]:
        """How those of them are there whom one may see. Raises `Unavailable`."""
        circle = PresenceVisibility(self._memberships, who.tenant, who.user_id)
        seen = {user: key_of(who.tenant, user) for user in users if user in circle}
        found = await self._people.find(list(seen.values()))
        now = self._clock.now()
        return [_view(user, found[key], now) for user, key in seen.items()]

    async def subscribe(self, visit: ClientSession, users: Iterable[str]) -> list[PresenceView]:
        """Watch these from now on, in place of those before; how those are there whom one may see.

        Raises `Unavailable`: then all is as before.
        """
        pinned = self.watches.pin(visit, users)
        try:
            await self._enter([watch for watch in pinned if not watch.entered])
            began = asyncio.get_running_loop().time()
            found = await self.find(visit.identity, [watch.user_id for watch in pinned])
            views = {view.user_id: view for view in found}
            if visit.session.state is State.CLOSED:
                return []
            told = [views[watch.user_id].status if watch.user_id in views else NOTHING for watch in pinned]
            self.watches.replace(visit, pinned, told)
        finally:
            self.watches.settle(pinned)
        for watch in pinned:
            if watch.read >= began:  # somebody read them meanwhile, perhaps something newer
                self._alarms.at(watch.key, watch.read + APART_S)
        return found

    # Told

    def heard(self, key: str) -> None:
        """Somebody changed: read how they are, at most once a second."""
        watch = self.watches.get(key)
        if watch is None:
            self._health.count("push_unwanted")
        else:
            self._alarms.at(key, max(asyncio.get_running_loop().time(), watch.read + APART_S))

    async def turns(self) -> None:
        """Tell of those who changed, for ever."""
        while True:
            keys = await self._alarms.due()
            changed = [watch for key in keys if (watch := self.watches.get(key)) is not None]
            try:
                await self._read(changed)
            except Unavailable as error:
                self._health.count("presence_lost")
                logger.debug("what changed is told with the next look: %s", error)

    async def looks(self) -> None:
        """Look at everybody with each heartbeat, for ever."""
        outage = Outage("presence: looks")
        while True:
            await asyncio.sleep(self._look_s)
            try:
                await self.look()
                outage.ends()
            except Unavailable as error:
                outage.begins(error)

    async def look(self) -> None:
        """Read everybody who is watched, and tell what was not told. Raises `Unavailable`."""
        await self._leave(self.watches.take_left())
        await self._enter([watch for watch in self.watches if not watch.entered])
        await self._read(list(self.watches))

    async def _read(self, watches: Sequence[PresenceSubscription]) -> None:
        for start in range(0, len(watches), AT_ONCE):
            some = watches[start : start + AT_ONCE]
            async with self._turn:  # or an older answer might be told after a newer one
                await self._tell(some, await self._people.find([watch.key for watch in some]))

    async def _tell(self, watches: Sequence[PresenceSubscription], found: Mapping[str, PresenceRecord]) -> None:
        if not self._memberships.fresh:
            return
        now = self._clock.now()
        for watch in watches:
            watch.read = asyncio.get_running_loop().time()
            view = _view(watch.user_id, found[watch.key], now)
            if any(status != view.status for status in watch.told.values()):
                self._health.count("presence_told", self._show(watch, view))
                await asyncio.sleep(0)  # sockets get their turn

    def _show(self, watch: PresenceSubscription, view: PresenceView) -> int:
        """Tell whoever may see them and was told otherwise; how many."""
        circle, frame, shown = (
            PresenceVisibility(self._memberships, watch.tenant, watch.user_id),
            frames.push("presence", view),
            0,
        )
        for visit, status in watch.told.items():
            if status == view.status:
                continue
            if visit.identity.user_id in circle:
                visit.seat.push(frame)
                watch.told[visit] = view.status
                shown += 1
            else:
                watch.told[visit] = NOTHING
        return shown

    # Where other nodes find us

    async def _enter(self, watches: Sequence[PresenceSubscription]) -> None:
        for start in range(0, len(watches), AT_ONCE):
            some = watches[start : start + AT_ONCE]
            await self._presence.enter(self._node, [registry_key(watch.key) for watch in some])
            for watch in some:
                watch.entered = True

    async def _leave(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            await self._presence.leave(self._node, [registry_key(key) for key in some])
            for key in some:
                if (again := self.watches.get(key)) is not None:  # somebody watches them anew
                    again.entered = False


def _view(user_id: str, there: PresenceRecord, now: str) -> PresenceView:
    """Whoever is there is seen now."""
    status = combined(there.statuses.values())
    return PresenceView(user_id=user_id, status=status, last_seen=there.seen if status == OFFLINE else now)
