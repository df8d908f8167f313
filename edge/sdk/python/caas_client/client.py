"""The client of an application: a method per command, typed answers, typed events, whatever the line does."""

from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar
from uuid import uuid4

import aiohttp

from . import wire
from .events import Event, typed
from .lane_positions import Vector
from .language.commands import ANSWER_OF, NAME_OF, conversation, inbox, message, queries, signals
from .language.commands.command_base import CommandData
from .language.commands.message import Attached
from .language.wire.answers import Level, MessageAccepted
from .line import PATIENCE_S, Line
from .outgoing_command import Outgoing
from .pending_commands import untraced
from .pipeline import WAITING
from .tokens import TokenSource

T = TypeVar("T")
P = ParamSpec("P")


def _asks(command: Callable[P, CommandData[T]]) -> "Callable[Concatenate[Client, P], Outgoing[T]]":
    """A method that asks this command; its arguments are the command's fields, by name."""

    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Outgoing[T]:
        return self.ask(command(*args, **kwargs))

    method.__doc__ = command.__doc__
    return method


class Client:
    """One user's client of the nodes at `urls`; `token` is a token, or where tokens come from (`GatewayTokens`).

    - Every command is a method that returns an `Outgoing` at once: await it for the answer, or go on.
    - Those that change one conversation go out one after the other, each when the one before has its answer.
    - Without a line commands wait in the order of their calls, at most `waiting` of them; beyond that a call raises
      `CommandError` with the code `unavailable`. When the line is back they go out, those that a node may have got
      already marked as repeats.
    - `events()` is what happens, each event once, those of a lane in the order of `n`, no conversation with a hole.
    - `positions` is what `positions()` said to an earlier client: the events since then come first. `{}` is the
      beginning of all conversations; without them events begin when `connect` returns.
    - What goes wrong is a `ChatError`: `code`, `retry`, `retry_after_ms`, `problem`. A rejection and an error that
      was worth a retry for `patience` seconds are its `CommandError`, a line that is gone for good its `Refused`.
    - Where `device` names one, others' messages are said to be delivered there as they come.
    - `traceparent` returns the W3C trace context of what is asked now, if there is one: the nodes continue that trace.
    - A program that takes no events says `hears=False`: else some 10,000 that wait stop its line.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        token: str | TokenSource,
        *,
        positions: Vector | None = None,
        session: aiohttp.ClientSession | None = None,
        patience: float = PATIENCE_S,
        waiting: int = WAITING,
        hears: bool = True,
        device: str | None = None,
        traceparent: Callable[[], str | None] = untraced,
    ) -> None:
        self.line = Line(
            urls,
            token,
            positions=positions,
            session=session,
            patience=patience,
            waiting=waiting,
            listener=None if hears else _ignore,
            device=device,
            traceparent=traceparent,
        )

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def start(self) -> None:
        """Begin to connect, without waiting: what is asked goes out when there is a line."""
        self.line.start()

    async def connect(self) -> None:
        """Wait until there is a line. Raises `Refused`."""
        await self.line.connect()

    async def close(self) -> None:
        """Hang up; commands without an answer raise `Refused`, `events()` ends."""
        await self.line.close()

    @property
    def user_id(self) -> str:
        """Who this is, as the node said at first; empty until then."""
        return self.line.user_id

    @property
    def connected(self) -> bool:
        """Whether there is a line now."""
        return self.line.connected

    @property
    def unanswered(self) -> int:
        """How many commands wait for their answer."""
        return self.line.unanswered

    def positions(self) -> dict[str, dict[str, int]]:
        """Where the application stands by the events it took: conversation → lane → n, and `user` for one's own lane.
        JSON; keep it, give it back.
        """
        return self.line.positions()

    async def events(self) -> AsyncIterator[Event]:
        """What happens, as it does. Ends with `close`; raises `Refused` once the line is gone for good."""
        async for event in self.line.events():
            yield typed(event)

    def ask(self, command: CommandData[T], *, retry: bool = False) -> Outgoing[T]:
        """Any command, answered as its type says; `retry`: an earlier client may have sent it."""
        kind, data, correlation_id = NAME_OF[type(command)], wire.data_of(command), str(uuid4())
        key = data.get("client_msg_id") or data.get("client_key") or correlation_id
        answer = self.line.ask(kind, data, retry=retry, correlation_id=correlation_id)
        return Outgoing(answer, ANSWER_OF[type(command)], key, correlation_id)

    # Commands: their arguments are the fields of the commands, by name

    def send(
        self,
        conversation_id: str,
        text: str | None = None,
        *,
        client_msg_id: str | None = None,
        reply_to: str | None = None,
        attachments: Sequence[Attached] = (),
        mentions: Sequence[str] = (),
        metadata: dict[str, Any] | None = None,
        ciphertext: str | None = None,
        wait_for: Level = "accepted",
    ) -> Outgoing[MessageAccepted]:
        """Say something; under one `client_msg_id` it is said once, however often it is asked."""
        command = message.SendMessage(
            conversation_id=conversation_id,
            client_msg_id=client_msg_id or str(uuid4()),
            text=text,
            ciphertext=ciphertext,
            reply_to=reply_to,
            attachments=list(attachments),
            mentions=list(mentions),
            metadata=metadata,
            wait_for=wait_for,
        )
        return self.ask(command)

    def forward(
        self, conversation_id: str, *, from_conversation_id: str, message_id: str, client_msg_id: str | None = None
    ) -> Outgoing[MessageAccepted]:
        """Say in a conversation what a message says that one may read."""
        command = message.ForwardMessage(
            conversation_id=conversation_id,
            client_msg_id=client_msg_id or str(uuid4()),
            from_conversation_id=from_conversation_id,
            message_id=message_id,
        )
        return self.ask(command)

    edit = _asks(message.EditMessage)
    delete = _asks(message.DeleteMessage)
    hide = _asks(inbox.HideMessage)
    read = _asks(inbox.ReadMessages)
    delivered = _asks(signals.DeliveredMessages)
    react = _asks(message.AddReaction)
    unreact = _asks(message.RemoveReaction)
    get_message = _asks(queries.GetMessage)
    history = _asks(queries.History)
    thread = _asks(queries.Thread)
    search = _asks(queries.SearchMessages)
    create = _asks(conversation.CreateConversation)
    update = _asks(conversation.UpdateConversation)
    add_participants = _asks(conversation.AddParticipants)
    remove_participants = _asks(conversation.RemoveParticipants)
    set_role = _asks(conversation.SetRole)
    leave = _asks(conversation.LeaveConversation)
    pin = _asks(conversation.PinMessage)
    unpin = _asks(conversation.UnpinMessage)
    mute = _asks(inbox.MuteConversation)
    unmute = _asks(inbox.UnmuteConversation)
    archive = _asks(inbox.ArchiveConversation)
    unarchive = _asks(inbox.UnarchiveConversation)
    pin_conversation = _asks(inbox.PinConversation)
    unpin_conversation = _asks(inbox.UnpinConversation)
    start_typing = _asks(signals.StartTyping)
    stop_typing = _asks(signals.StopTyping)
    set_presence = _asks(signals.SetPresence)
    presence = _asks(queries.GetPresence)
    subscribe_presence = _asks(signals.SubscribePresence)
    get_conversation = _asks(queries.GetConversation)
    conversations = _asks(queries.ListConversations)
    sync = _asks(queries.Sync)


def _ignore(_: wire.Event) -> None:
    """For a program that takes no events."""
