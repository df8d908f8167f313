"""What a command comes to: a record to append or an answer; a yes may be optimistic, a no is proved.

A no that rests on what we have not seen, and a "changes nothing" of a conversation, is decided twice: the second time
after the views have passed everything that was in the log when the first was made.
"""

from dataclasses import dataclass
from typing import Any, Final

from core.domain import conversation, message
from core.domain.decision import Context, Rejected
from core.ports.memberships import Memberships, NotReady
from core.ports.messages import Messages
from schemas import envelope, ids
from schemas.commands import (
    NAME_OF,
    AddParticipants,
    ConversationCommand,
    CreateConversation,
    DeleteMessage,
    EditMessage,
    LeaveConversation,
    MessageCommand,
    RemoveParticipants,
    SendMessage,
)
from schemas.envelope import Record
from schemas.events import ConversationEvent, MessageEvent, MessageRejected

MEMBERSHIP: Final = "membership"
MESSAGES: Final = "messages"
RESTS_ON_MEMBERSHIP: Final = frozenset({"conversation_not_found", "not_a_participant", "not_allowed"})
RESTS_ON_MESSAGES: Final = frozenset({"message_not_found"})


@dataclass(frozen=True, slots=True)
class Append:
    """A yes: append `record`, and when it is durable answer `reply`. `content` is what must not differ in a retry."""

    record: Record
    event_id: str
    content: int
    reply: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A yes that changes nothing: answer `reply`."""

    reply: dict[str, Any]


Decision = Append | Unchanged


class Handler:
    """Decides the commands of one node; `source` is the node's name in the log."""

    def __init__(self, memberships: Memberships, messages: Messages, source: str) -> None:
        self._memberships = memberships
        self._messages = messages
        self._source = source

    def at_once(self, command: MessageCommand | ConversationCommand, context: Context) -> Append | None:
        """The hot path: a plain send by a known member, decided without waiting; None where more must be known."""
        if not isinstance(command, SendMessage) or command.reply_to is not None or not self._memberships.fresh:
            return None
        found = self._memberships.get(command.conversation_id)
        if found is None or found.tenant != context.tenant or not found.holds(context.actor):
            return None
        return self._said(command, message.send(message.Absent(), command, found, context), context)

    async def decide(
        self, command: MessageCommand | ConversationCommand, context: Context, *, retry: bool = False
    ) -> Decision:
        """Any command. Raises `Rejected` (proved), `NotReady`, `Unavailable`."""
        if not self._memberships.fresh:
            raise NotReady("this node's view of conversations is behind")
        where, proved = conversation_of(command, context), set[str]()
        while True:
            try:
                decision = await self._decide(command, context, retry)
                if isinstance(decision, Append) or isinstance(command, MessageCommand) or MEMBERSHIP in proved:
                    return decision
                needed = MEMBERSHIP
            except Rejected as no:
                needed = rests_on(command, no)
                if not needed or needed in proved:
                    raise
            await (self._memberships if needed == MEMBERSHIP else self._messages).prove(where)
            proved.add(needed)

    def rejection(self, command: MessageCommand | ConversationCommand, no: Rejected, context: Context) -> Record:
        """The record that keeps a no: who asked what and why not, no content."""
        event = MessageRejected(
            tenant=context.tenant,
            at=context.at,
            user_id=context.actor,
            command=NAME_OF[type(command)],
            code=no.code,
            conversation_id=conversation_of(command, context),
            message_id=command.message_id if isinstance(command, EditMessage | DeleteMessage) else None,
        )
        key = ids.derive(context.tenant, context.correlation_id, context.actor, event.command, no.code)
        return self._record(event, key, context)

    async def _decide(self, command: MessageCommand | ConversationCommand, context: Context, retry: bool) -> Decision:
        if isinstance(command, SendMessage | EditMessage | DeleteMessage):
            return await self._message(command, context, retry)
        state = self._memberships.get(conversation_of(command, context))
        conversation.decide(state, command, context)  # a no needs no head
        head = 0 if state is None else await self._messages.head(state.conversation_id)
        return self._conversed(command, conversation.decide(state, command, context, head), context)

    async def _message(self, command: MessageCommand, context: Context, retry: bool) -> Decision:
        if retry and isinstance(command, SendMessage) and (known := await self._repeated(command, context)):
            return known
        where = conversation.entered(self._memberships.get(command.conversation_id), command.conversation_id, context)
        state: message.State = message.Absent()
        if not isinstance(command, SendMessage):
            state = await self._messages.state(command.message_id)
        elif command.reply_to is not None:
            state = await self._messages.state(command.reply_to)
        decided = message.decide(state, command, where, context)
        if not decided:
            return Unchanged({"message_id": message_of(command, context), "level": "persisted"})
        return self._said(command, decided[0], context)

    async def _repeated(self, command: SendMessage, context: Context) -> Unchanged | None:
        """The answer to a send that says it may be a repeat and is one. Raises `Rejected` when its body is another."""
        message_id = message_of(command, context)
        found = await self._messages.sent(message_id)
        if found is None:
            return None
        if found != (command.text, command.reply_to):
            raise Rejected("idempotency_conflict")
        return Unchanged({"message_id": message_id, "level": "persisted"})

    def _said(self, command: MessageCommand, event: MessageEvent, context: Context) -> Append:
        event_id = event.message_id if isinstance(command, SendMessage) else event_id_of(command, context)
        text = None if isinstance(command, DeleteMessage) else command.text
        root = command.reply_to if isinstance(command, SendMessage) else None
        reply = {"message_id": event.message_id, "level": "accepted"}
        return Append(self._record(event, event_id, context), event_id, hash((text, root)), reply)

    def _conversed(self, command: ConversationCommand, decided: list[ConversationEvent], context: Context) -> Decision:
        conversation_id = conversation_of(command, context)
        if not decided:
            return Unchanged({"conversation_id": conversation_id, "level": "persisted"})
        event_id = event_id_of(command, context)
        reply = {"conversation_id": conversation_id, "level": "accepted"}
        content = 0 if isinstance(command, CreateConversation) else hash(str(command))  # to open is to open
        return Append(self._record(decided[0], event_id, context), event_id, content, reply)

    def _record(self, event: MessageEvent | ConversationEvent | MessageRejected, key: str, context: Context) -> Record:
        return envelope.encode(
            event, event_id=key, source=self._source, correlation_id=context.correlation_id, actor=context.actor
        )


def rests_on(command: MessageCommand | ConversationCommand, no: Rejected) -> str:
    """Which view a no rests on, and must be proved of; empty where it rests on what is known and cannot change."""
    if no.code in RESTS_ON_MEMBERSHIP or (no.code == "not_the_author" and isinstance(command, DeleteMessage)):
        return MEMBERSHIP
    return MESSAGES if no.code in RESTS_ON_MESSAGES else ""


def conversation_of(command: MessageCommand | ConversationCommand, context: Context) -> str:
    """The conversation a command is about."""
    return conversation.id_of(command, context) if isinstance(command, CreateConversation) else command.conversation_id


def message_of(command: MessageCommand, context: Context) -> str:
    """The message a command is about."""
    if isinstance(command, SendMessage):
        return ids.message_id(context.tenant, command.conversation_id, context.actor, command.client_msg_id)
    return command.message_id


def event_id_of(command: MessageCommand | ConversationCommand, context: Context) -> str:
    """The id of the event a command appends: the same for every retry of it, on any node, for ever."""
    match command:
        case SendMessage():
            return message_of(command, context)
        case EditMessage() | DeleteMessage():
            aggregate = command.message_id
        case CreateConversation() | AddParticipants() | RemoveParticipants() | LeaveConversation():
            aggregate = conversation_of(command, context)
    key = "" if isinstance(command, DeleteMessage | CreateConversation) else command.client_key
    key = context.correlation_id if key is None else key
    return ids.derive(context.tenant, aggregate, context.actor, NAME_OF[type(command)], key)
