"""Signals executes the signals of one node's sessions in order: live state for other users, which no log keeps."""

from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from itertools import chain
from typing import Any, Final, assert_never

from core.clock import Clock
from core.commands.command_ids import ConversationSignal
from core.domain import conversation
from core.domain.conversation import Conversation
from core.domain.decision import Context, Rejected
from core.ports.memberships import Memberships, NotReady, OnChange, ViewChange
from edge.socket.channels.conversation_channel import ConversationChannel
from edge.socket.commands.delivery_receipts import DeliveryReceipts
from edge.socket.commands.executor import CommandExecutor
from edge.socket.delivery.cursors import MovedCursors
from edge.socket.delivery.hub import Hub
from edge.socket.presence.presence_service import PresenceService
from edge.socket.presence.typing_service import TypingService
from edge.socket.session.client_session import ClientSession
from edge.socket.session.protocol import CommandReceived
from projections.conversations.changes import users_of
from projections.queries.read_consistency import with_recheck
from schemas.commands.signals import DeliveredMessages, SetPresence, Signal, StartTyping, StopTyping, SubscribePresence
from schemas.wire import frames
from schemas.wire.answers import Answer, ConversationAccepted, Presences
from schemas.wire.frames import CURSORS, PRESENCE, TYPING, Push

LIVE_LANES: Final = frozenset({TYPING, PRESENCE, CURSORS})
"""The lanes without numbers: each push has the present state and goes to the users concerned."""


class Signals:
    """Executes signals; each is answered exactly once. `tasks` run as long as the node."""

    def __init__(
        self,
        *,
        presence: PresenceService,
        typing: TypingService,
        cursors: MovedCursors,
        delivery_receipts: DeliveryReceipts,
        commands: CommandExecutor,
        memberships: Memberships,
        clock: Clock,
    ) -> None:
        self._presence = presence
        self._typing = typing
        self._cursors = cursors
        self._receipts = delivery_receipts
        self._commands = commands
        self._memberships = memberships
        self._clock = clock

    @property
    def tasks(self) -> Iterable[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        """The tasks to run as long as the node."""
        return chain(self._presence.tasks, [("typing", self._typing.announce_changes), ("cursors", self._cursors.run)])

    @property
    def registry_keys(self) -> Iterable[str]:
        """Where this node wants to hear of presence, besides what its sessions are in."""
        return self._presence.registry_keys

    def session_opened(self, client: ClientSession) -> None:
        """Publish the presence of a new session."""
        self._presence.session_opened(client)

    def session_closed(self, client: ClientSession) -> None:
        """Publish that a session ended, and append its delivery receipts."""
        self._presence.session_closed(client)
        self._receipts.flush(client)

    def flush(self, client: ClientSession) -> None:
        """Append and answer the delivery receipts of a session that is about to end."""
        self._receipts.flush(client)

    async def stop(self) -> None:
        """Append all delivery receipts, and remove this node's users from presence: the node stops."""
        await self._receipts.stop()
        await self._presence.forget()

    async def execute(self, client: ClientSession, request: CommandReceived, signal: Signal) -> None:
        """Execute a signal and answer it; one about a conversation without its sender is rejected and recorded."""
        who = client.identity
        context = Context(
            who.tenant,
            who.user_id,
            self._clock.now(),
            request.correlation_id,
            actor_context=client.actor_context,
            traceparent=request.traceparent,
        )
        try:
            answer = await self._dispatch(client, request, signal, context)
        except Rejected as rejection:
            self._refuse(client, request, signal, rejection, context)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the client is answered
            client.answer(self._commands.failed(error, request, client))
        else:
            if answer is not None:
                self._commands.outcomes.done(request)
                client.answer(frames.ack(request.frame_id, answer, request.correlation_id))

    async def _dispatch(
        self, client: ClientSession, request: CommandReceived, signal: Signal, context: Context
    ) -> Answer | None:
        """Execute a signal. Return its answer; None where it is answered later."""
        if not self._memberships.fresh:
            raise NotReady("this node's view of conversations is behind")
        match signal:
            case DeliveredMessages():
                await self._require_member(client, signal, context)
                await self._receipts.execute(client, request, signal)
                return None
            case StartTyping() | StopTyping():
                key = (await self._require_member(client, signal, context)).conversation_id
                self._typing.report(key, context.actor, types=isinstance(signal, StartTyping))
                return ConversationAccepted(conversation_id=key, level="accepted")
            case SetPresence():
                return await self._presence.set_status(client, signal.status)
            case SubscribePresence():
                return Presences(presences=await self._presence.subscribe(client, signal.users))
            case _:
                assert_never(signal)

    async def _require_member(
        self, client: ClientSession, signal: ConversationSignal, context: Context
    ) -> Conversation:
        """Return the conversation of a signal if its sender is a member. A rejection is re-checked against the log's
        end.
        """
        key = signal.conversation_id
        return await with_recheck(
            self._memberships,
            key,
            lambda state: conversation.require_member(state, key, context),
            partial(client.wait_for_appends, 1),
        )

    def _refuse(
        self, client: ClientSession, request: CommandReceived, signal: Signal, rejection: Rejected, context: Context
    ) -> None:
        if isinstance(signal, ConversationSignal):
            self._commands.refuse(client, request, signal, rejection, context)
        else:
            client.answer(self._commands.failed(rejection, request, client))

    def follow_changes(self, hub: Hub) -> OnChange:
        """Return a callback for membership changes: the hub applies them, then the typing of users who left ends."""

        def follow(change: ViewChange) -> None:
            hub.changed(change)
            view = change.view
            for user in users_of(change.event):
                if not view.is_member(user):
                    self._typing.member_left(view.conversation_id, user, hub.conversations.get(view.conversation_id))

        return follow

    def try_deliver(self, push: Push, channel: Callable[[str], ConversationChannel | None]) -> bool:
        """Deliver a push of a live lane (typing, presence, cursors). Return whether it was one."""
        if push.lane not in LIVE_LANES:
            return False
        if push.lane == TYPING:
            self._typing.deliver(push, channel(push.conversation_id))
        elif push.lane == CURSORS:
            self._cursors.deliver(push, channel(push.conversation_id))
        else:
            self._presence.receive(push)
        return True
