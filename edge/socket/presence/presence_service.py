"""PresenceService publishes the users of one node and subscribes its sessions to the presence of others."""

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
    """Presence on one node. It is best effort: an outage of its server affects presence only."""

    def __init__(
        self,
        people: PresenceStore,
        publisher: PresencePublisher,
        notifier: PresenceNotifier,
        emitter: Emitter,
        clock: Clock,
    ) -> None:
        self._people = people
        self._publisher = publisher
        self._notifier = notifier
        self._emitter = emitter
        self._clock = clock

    @property
    def tasks(self) -> Sequence[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        """The tasks that run as long as the node."""
        publisher, notifier = self._publisher, self._notifier
        return (
            ("presence-heartbeats", publisher.send_heartbeats),
            ("presence-publisher", lambda: publisher.publish_changes(self._send_hints)),
            ("presence-notifier", notifier.notify_changes),
            ("presence-polls", notifier.poll),
        )

    @property
    def registry_keys(self) -> Iterable[str]:
        """The keys under which this node receives hints about users, besides the conversations that it holds."""
        return self._notifier.registry_keys

    def session_opened(self, client: ClientSession) -> None:
        """Add a session."""
        self._publisher.session_opened(client)

    def session_closed(self, client: ClientSession) -> None:
        """Remove a session and its subscriptions."""
        self._publisher.session_closed(client)
        self._notifier.subscriptions.remove(client)

    async def forget(self) -> None:
        """Remove this node, which stops."""
        await self._publisher.forget()

    async def set_status(self, client: ClientSession, status: Status) -> PresenceView:
        """Set the status of a session. Return its user's presence over all their sessions on all nodes.

        Raises `Unavailable`: nothing is changed then.
        """
        self._require_up()
        who = client.identity
        key = key_of(who.tenant, who.user_id)
        there = (await self._people.find([key]))[key]
        self._publisher.set_status(client, status)
        elsewhere = [said for node, said in there.statuses.items() if node != self._publisher.name]
        all_of_them = [*elsewhere, *self._publisher.statuses(key)]
        return PresenceView(user_id=who.user_id, status=combined(all_of_them), last_seen=self._clock.now())

    async def find(self, who: Identity, users: Iterable[str]) -> list[PresenceView]:
        """Return the presence of those of these users whom the caller may see. Raises `Unavailable`."""
        self._require_up()
        return await self._notifier.find(who, users)

    async def subscribe(self, client: ClientSession, users: Iterable[str]) -> list[PresenceView]:
        """Replace the subscriptions of a session by these. Raises `Unavailable`: nothing is changed then."""
        self._require_up()
        return await self._notifier.subscribe(client, users)

    def receive(self, push: Push) -> None:
        """Receive the hint of a node that a user changed."""
        self._notifier.note_change(push.conversation_id.removeprefix(PREFIX))

    def _require_up(self) -> None:
        """Fail at once while the server is known to be down. Raises `Unavailable`."""
        if self._publisher.down:
            raise Unavailable("who is there cannot be said now")

    async def _send_hints(self, keys: Sequence[str]) -> None:
        """Send hints to the nodes with subscribers of these users."""
        hinted = [
            Push(model="", generation=0, conversation_id=registry_key(key), frame=b"", lane=PRESENCE) for key in keys
        ]
        await self._emitter.emit(Effects(hints=hinted))
