"""The people of one node and those they watch: who comes and goes here is told wherever somebody watches them."""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Final

from core.clock import Clock
from core.domain.presence import combined
from core.identity import Identity
from core.ports.effects import Effects, Emitter
from core.ports.event_log import Unavailable
from core.ports.presence_store import PresenceStore
from edge.socket.presence.presence_notifier import PresenceNotifier, registry_key
from edge.socket.presence.presence_publisher import PresencePublisher
from edge.socket.session.client_session import ClientSession
from projections.inbox.inbox_rows import key_of
from schemas.commands.signals import Status
from schemas.wire.frames import PRESENCE, Push
from schemas.wire.views import PresenceView

PREFIX: Final = registry_key("")


class PresenceService:
    """Presence on one node. It is a hint: what is down is down for this alone."""

    def __init__(
        self,
        people: PresenceStore,
        attendance: PresencePublisher,
        watching: PresenceNotifier,
        emitter: Emitter,
        clock: Clock,
    ) -> None:
        self._people = people
        self._attendance = attendance
        self._watching = watching
        self._emitter = emitter
        self._clock = clock

    @property
    def tasks(self) -> Sequence[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        """What runs as long as the node."""
        attendance, watching = self._attendance, self._watching
        return (
            ("people-beats", attendance.beats),
            ("people-turns", lambda: attendance.turns(self._call)),
            ("watch-turns", watching.turns),
            ("watch-looks", watching.looks),
        )

    @property
    def places(self) -> Iterable[str]:
        """Where this node wants to hear of people, besides the conversations that it holds."""
        return self._watching.places

    def came(self, visit: ClientSession) -> None:
        """A session is there."""
        self._attendance.came(visit)

    def went(self, visit: ClientSession) -> None:
        """A session is over."""
        self._attendance.went(visit)
        self._watching.watches.drop(visit)

    async def forget(self) -> None:
        """The node goes away."""
        await self._attendance.forget()

    async def set(self, visit: ClientSession, status: Status) -> PresenceView:
        """How a session is there from now on; how its user is, of all their sessions on all nodes.

        Raises `Unavailable`: then all is as before.
        """
        self._up()
        who = visit.identity
        key = key_of(who.tenant, who.user_id)
        there = (await self._people.find([key]))[key]
        self._attendance.set(visit, status)
        elsewhere = [said for node, said in there.statuses.items() if node != self._attendance.name]
        all_of_them = [*elsewhere, *self._attendance.here(key)]
        return PresenceView(user_id=who.user_id, status=combined(all_of_them), last_seen=self._clock.now())

    async def find(self, who: Identity, users: Iterable[str]) -> list[PresenceView]:
        """How those of them are there whom one may see. Raises `Unavailable`."""
        self._up()
        return await self._watching.find(who, users)

    async def subscribe(self, visit: ClientSession, users: Iterable[str]) -> list[PresenceView]:
        """Be told of those from now on. Raises `Unavailable`: then all is as before."""
        self._up()
        return await self._watching.subscribe(visit, users)

    def heard(self, push: Push) -> None:
        """Another node, or this one, says that somebody changed."""
        self._watching.heard(push.conversation_id.removeprefix(PREFIX))

    def _up(self) -> None:
        """Nobody waits for a server that is known to be down."""
        if self._attendance.down:
            raise Unavailable("who is there cannot be said now")

    async def _call(self, keys: Sequence[str]) -> None:
        """Tell the nodes where somebody watches these people."""
        hinted = [
            Push(model="", generation=0, conversation_id=registry_key(key), frame=b"", lane=PRESENCE) for key in keys
        ]
        await self._emitter.emit(Effects(hints=hinted))
