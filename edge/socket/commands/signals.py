"""Signals of one node's sessions: what is said to others now and kept in no log; carried out and answered in order."""

from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from itertools import chain
from typing import Any, Final, assert_never

from core.clock import Clock
from core.commands.command_ids import Hinting
from core.domain import conversation
from core.domain.conversation import Conversation
from core.domain.decision import Context, Rejected
from core.ports.memberships import Memberships, NotReady
from edge.socket.channels.channel import Channel
from edge.socket.commands.delivery_receipts import DeliveryReceipts
from edge.socket.commands.executor import CommandExecutor
from edge.socket.delivery.cursors import MovedCursors
from edge.socket.presence.presence_service import PresenceService
from edge.socket.presence.typing_service import TypingService
from edge.socket.session.client_session import ClientSession
from edge.socket.session.protocol import CommandReceived
from projections.conversations.changes import users_of
from projections.queries.read_consistency import proved
from schemas.commands.signals import DeliveredMessages, SetPresence, Signal, StartTyping, StopTyping, SubscribePresence
from schemas.events import ConversationEvent
from schemas.wire import frames
from schemas.wire.answers import Answer, ConversationAccepted, Presences
from schemas.wire.frames import CURSORS, PRESENCE, TYPING, Push
from streams.memberships.membership_tail import OnChange

HEARD: Final = frozenset({TYPING, PRESENCE, CURSORS})
"""The lanes of what has no numbers, and is pushed to those whom it is for as it is now."""


class Signals:
    """Carries out signals; each is answered exactly once. `tasks` run as long as the node."""

    def __init__(
        self,
        *,
        people: PresenceService,
        typists: TypingService,
        cursors: MovedCursors,
        delivering: DeliveryReceipts,
        commands: CommandExecutor,
        memberships: Memberships,
        clock: Clock,
    ) -> None:
        self._people = people
        self._typists = typists
        self._cursors = cursors
        self._delivering = delivering
        self._commands = commands
        self._memberships = memberships
        self._clock = clock

    @property
    def tasks(self) -> Iterable[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        """What runs as long as the node."""
        return chain(self._people.tasks, [("typing", self._typists.turns), ("cursors", self._cursors.turns)])

    @property
    def places(self) -> Iterable[str]:
        """Where this node wants to hear of people, besides what its sessions are in."""
        return self._people.places

    def came(self, visit: ClientSession) -> None:
        """A session is there."""
        self._people.came(visit)

    def went(self, visit: ClientSession) -> None:
        """A session is over."""
        self._people.went(visit)
        self._delivering.leave(visit)

    def hurry(self, visit: ClientSession) -> None:
        """A session is to end: what it said is answered now."""
        self._delivering.leave(visit)

    async def stop(self) -> None:
        """The node goes away: what its sessions said is in the log, and they are gone."""
        await self._delivering.stop()
        await self._people.forget()

    async def carry_out(self, visit: ClientSession, asked: CommandReceived, signal: Signal) -> None:
        """Do it and answer; what is about a conversation that one is not in is refused and recorded."""
        who = visit.identity
        context = Context(who.tenant, who.user_id, self._clock.now(), asked.correlation_id)
        try:
            answer = await self._done(visit, asked, signal, context)
        except Rejected as no:
            self._refuse(visit, asked, signal, no, context)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the client is answered
            visit.answer(self._commands.failed(error, asked))
        else:
            if answer is not None:
                visit.answer(frames.ack(asked.frame_id, answer, asked.correlation_id))

    async def _done(
        self, visit: ClientSession, asked: CommandReceived, signal: Signal, context: Context
    ) -> Answer | None:
        """The answer; None where it comes by itself, later."""
        if not self._memberships.fresh:
            raise NotReady("this node's view of conversations is behind")
        match signal:
            case DeliveredMessages():
                await self._entered(visit, signal, context)
                await self._delivering.carry_out(visit, asked, signal)
                return None
            case StartTyping() | StopTyping():
                key = (await self._entered(visit, signal, context)).conversation_id
                self._typists.says(key, context.actor, types=isinstance(signal, StartTyping))
                return ConversationAccepted(conversation_id=key, level="accepted")
            case SetPresence():
                return await self._people.set(visit, signal.status)
            case SubscribePresence():
                return Presences(presences=await self._people.subscribe(visit, signal.users))
            case _:
                assert_never(signal)

    async def _entered(self, visit: ClientSession, signal: Hinting, context: Context) -> Conversation:
        """The conversation that it is about, if its sender is in it. A no is proved."""
        key = signal.conversation_id
        return await proved(
            self._memberships, key, lambda state: conversation.entered(state, key, context), partial(visit.settled, 1)
        )

    def _refuse(
        self, visit: ClientSession, asked: CommandReceived, signal: Signal, no: Rejected, context: Context
    ) -> None:
        if isinstance(signal, Hinting):
            self._commands.refuse(visit, asked, signal, no, context)
        else:
            visit.answer(self._commands.failed(no, asked))

    def following(self, changed: OnChange, channel: Callable[[str], Channel | None]) -> OnChange:
        """What follows the view of who is in what: `changed`, and then whoever is out by now types no longer."""

        def follow(event: ConversationEvent, view: Conversation) -> None:
            changed(event, view)
            for user in users_of(event):
                if not view.holds(user):
                    self._typists.left(view.conversation_id, user, channel(view.conversation_id))

        return follow

    def hears(self, push: Push, channel: Callable[[str], Channel | None]) -> bool:
        """Whether a push says how people are, or how far they have come; then it goes to those here whom it is for."""
        if push.lane not in HEARD:
            return False
        if push.lane == TYPING:
            self._typists.deliver(push, channel(push.conversation_id))
        elif push.lane == CURSORS:
            self._cursors.deliver(push, channel(push.conversation_id))
        else:
            self._people.heard(push)
        return True
