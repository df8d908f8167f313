"""CommandHandler decides commands: a record to append, or an answer; rejections are re-checked at the log's end.

A rejection because of missing data, and a "changes nothing" of a conversation, is decided twice: the second time after
the views have read everything that was in the log at the first decision. So is an acceptance that sets from which, or
up to which, message a user reads: everything acknowledged by then is before that bound.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from msgspec import structs

from core.audit.change_hashes import with_before
from core.commands import conversation_names, decision_dependencies
from core.commands.command_ids import (
    AppendingCommand,
    conversation_of,
    event_id_of,
    hash_of,
    message_of,
    named_by,
    return_id_of,
)
from core.commands.decision_dependencies import INBOX, MEMBERSHIP, NEEDS_HEAD, NUMBERS, REACTIONS, Dependency
from core.commands.join_policy import ANYBODY, JoinPolicy
from core.commands.outcome import Append, Decision, Unchanged
from core.domain import content, conversation, conversation_decisions, inbox, message, reaction
from core.domain.conversation import Conversation
from core.domain.decision import Context, Rejected
from core.domain.emoji import look
from core.ports.inboxes import Inboxes
from core.ports.memberships import Memberships, NotReady
from core.ports.messages import Messages, head_for
from schemas import envelope
from schemas.commands import ANSWER_OF
from schemas.commands.conversation import ConversationCommand, CreateConversation, PinMessage
from schemas.commands.inbox import ArchiveConversation, InboxCommand, PinConversation, ReadMessages
from schemas.commands.message import (
    AddReaction,
    DeleteMessage,
    EditMessage,
    ForwardMessage,
    MessageCommand,
    RemoveReaction,
    SendMessage,
)
from schemas.envelope import Record
from schemas.events import ConversationEvent, MessageEvent, MessageRejected, MessageSent, ParticipantsAdded
from schemas.events.inbox import CursorMoved, InboxEvent
from schemas.wire.answers import MessageAccepted


async def no_pending_appends() -> None:
    """Return at once: no append is pending."""


class CommandHandler:
    """The command handler of one node; `source` is the node's name in the log."""

    def __init__(
        self,
        memberships: Memberships,
        messages: Messages,
        inboxes: Inboxes,
        source: str,
        join_policy: JoinPolicy = ANYBODY,
    ) -> None:
        self._memberships = memberships
        self._messages = messages
        self._inboxes = inboxes
        self.source: Final = source
        self._join_policy = join_policy

    def decide_from_cache(self, command: AppendingCommand, context: Context) -> Append | None:
        """Decide a send that replies to nothing, by a known member, without waiting: the hot path. Return None if more
        data is needed. Raises `Rejected` if no more data could change the rejection.
        """
        if not isinstance(command, SendMessage) or command.reply_to is not None or not self._memberships.fresh:
            return None
        found = self._memberships.get(command.conversation_id)
        if found is None or found.tenant != context.tenant or not found.is_member(context.actor) or found.deserted:
            return None
        return self._append(command, message.send(message.Absent(), command, found, context), context)

    async def named(self, command: CreateConversation, context: Context) -> CreateConversation:
        """Return the command with its full name; decide that. Raises `Rejected`, `NotReady`, `Unavailable`."""
        return await conversation_names.named(command, context, self._memberships)

    async def decide(
        self,
        command: AppendingCommand,
        context: Context,
        *,
        retry: bool = False,
        after_pending_appends: Callable[[], Awaitable[object]] = no_pending_appends,
    ) -> Decision:
        """Decide any command. Raises `Rejected` (re-checked against the log's end), `NotReady`, `Unavailable`.

        `after_pending_appends` returns when the session's earlier appends are durable: only then are they before the
        log's end.
        """
        if not self._memberships.fresh:
            raise NotReady("this node's view of conversations is behind")
        proved, life = set[Dependency](), self._messages.life
        while True:
            decision: Decision | Rejected
            try:
                decision = await self._decide(command, context, retry)
                if isinstance(decision, Append):
                    needed = decision_dependencies.of_append(decision.event)
                else:
                    needed = decision_dependencies.of_unchanged(command, context)
            except Rejected as rejection:
                decision, needed = rejection, decision_dependencies.of_rejection(command, rejection, context)
                needed += decision_dependencies.of_repeat(command, context) if retry else []
            if self._messages.life != life:  # checks in another life of the store do not count in this one
                proved, life = set(), self._messages.life
            if proved.issuperset(needed):
                if isinstance(decision, Rejected):
                    raise decision
                return decision
            await after_pending_appends()
            await self._prove(dependency for dependency in needed if dependency not in proved)
            proved.update(needed)

    async def pass_by(self, first: Append, position: int) -> None:
        """Wait until the view has read the preparing event `first`, at this position. Raises `NotReady`."""
        await self._memberships.pass_by(first.reply["conversation_id"], position)

    async def _prove(self, needed: Iterable[Dependency]) -> None:
        for view, key in needed:
            if view == MEMBERSHIP or key is None:
                await self._memberships.prove(key)
            elif view == NUMBERS:
                await self._messages.prove_head(key)
            elif view == INBOX:
                await self._inboxes.prove(key)
            else:
                await self._messages.prove(key, with_reactions=view == REACTIONS)

    async def _decide(self, command: AppendingCommand, context: Context, retry: bool) -> Decision:
        match command:
            case SendMessage() | ForwardMessage() | EditMessage() | DeleteMessage():
                return await self._message(command, context, retry)
            case AddReaction() | RemoveReaction():
                return await self._reaction(command, context, retry)
            case _ if isinstance(command, InboxCommand):
                return await self._inbox(command, context)
            case _:
                return await self._conversation(command, context)

    async def _where(self, command: MessageCommand, context: Context) -> Conversation:
        """Return the conversation of a member; a former member may delete and unreact. Raises `Rejected`."""
        state, key = await self._memberships.find(command.conversation_id), command.conversation_id
        if isinstance(command, DeleteMessage | RemoveReaction):
            return conversation.require_ever_member(state, key, context.tenant, context.actor)
        return conversation.require_member(state, key, context)

    async def _message(self, command: message.Command, context: Context, retry: bool) -> Decision:
        if retry and (known := await self._repeated(command, context)) is not None:
            return known
        where = await self._where(command, context)
        named = named_by(command)
        state: message.State = message.Absent() if named is None else await self._messages.state(named)
        origin = command.from_conversation_id if isinstance(command, ForwardMessage) else None
        source = None if origin is None else await self._memberships.find(origin)
        decided = message.decide(state, command, where, context, source)
        if not decided:
            return Unchanged({"message_id": message_of(command, context), "level": "persisted"})
        if where.deserted and isinstance(command, SendMessage | ForwardMessage):
            if (known := await self._repeated(command, context)) is not None:
                return known
            head = await self._messages.head(where.conversation_id)
            back = conversation_decisions.bring_back(where, where.absent(), context, head)
            await self._join_policy.check(where, [back], context, self._memberships)
            return self._append_return(where, back, context, first=True)
        return self._append(command, with_before(decided[0], state), context)

    async def _repeated(self, command: message.Command, context: Context) -> Unchanged | None:
        """Return the answer to a retry whose event is stored, even if it changed nothing because another one came
        first; else None. Raises `Rejected` if its content differs.
        """
        message_id = message_of(command, context)
        if isinstance(command, SendMessage | ForwardMessage):
            found = await self._messages.sent(message_id)
        else:
            found = await self._messages.changed(message_id, event_id_of(command, context))
        if found is None:
            return None
        if found != content.of_command(command):
            raise Rejected("idempotency_conflict")
        return Unchanged({"message_id": message_id, "level": "persisted"})

    async def _reaction(self, command: reaction.ReactionCommand, context: Context, retry: bool) -> Decision:
        target, event_id = await self._messages.target(command.message_id), event_id_of(command, context)
        folded = target.folded.get(event_id)
        if folded is not None and look(folded) != look(command.emoji):
            raise Rejected("idempotency_conflict")
        unchanged = Unchanged({"message_id": command.message_id, "level": "persisted"})
        if retry and folded is not None:
            return unchanged
        where = await self._where(command, context)
        decided = reaction.decide(target, command, where, context) if folded is None else []
        if not decided:
            return unchanged
        return self._append(command, decided[0], context)

    async def _inbox(self, command: InboxCommand, context: Context) -> Decision:
        state, key = await self._memberships.find(command.conversation_id), command.conversation_id
        if isinstance(command, PinConversation):
            where = conversation.require_member(state, key, context)
        else:
            where = conversation.require_ever_member(state, key, context.tenant, context.actor)
        head, pinned = 0, list[str]()
        if isinstance(command, ReadMessages):
            head = await head_for(self._messages, key, command.seq)
        elif isinstance(command, ArchiveConversation):
            head = await self._messages.head(key)
        elif isinstance(command, PinConversation):
            pinned = await self._pinned(context)
        about = await self._messages.state(named) if (named := named_by(command)) is not None else None
        decided = inbox.decide(command, where, context, head=head, about=about, pinned=pinned)
        if not decided:
            return Unchanged({"conversation_id": command.conversation_id, "level": "persisted"})
        event = decided[0]
        if isinstance(command, ReadMessages) and isinstance(event, CursorMoved):
            command = structs.replace(command, seq=event.seq, thread=event.thread)
        return self._append(command, event, context)

    async def _pinned(self, context: Context) -> list[str]:
        """Return the conversations that the actor pinned and is in: those they left do not count."""
        pinned = await self._inboxes.pinned(context.tenant, context.actor)
        states = await self._memberships.find_all(pinned)
        return [key for key, state in states.items() if state.is_member(context.actor)]

    async def _conversation(self, command: ConversationCommand, context: Context) -> Decision:
        key = conversation_of(command, context)
        state = await self._memberships.find(key)
        about: message.State = message.Absent()
        deleted = frozenset[str]()
        if isinstance(command, PinMessage):
            about = await self._messages.state(command.message_id)
            deleted = await self._messages.deleted(state.pins) if state is not None and state.pins else deleted
        head = await self._messages.head(key) if state is not None and isinstance(command, NEEDS_HEAD) else 0
        decided = conversation_decisions.decide(state, command, context, head, about, deleted=deleted)
        await self._join_policy.check(state, decided, context, self._memberships)
        if state is not None and decided and isinstance(decided[0], ParticipantsAdded) and decided[0].reopened:
            return self._append_return(state, decided[0], context)
        if not decided:
            return Unchanged({"conversation_id": key, "level": "persisted"})
        return self._append(command, with_before(decided[0], state), context)

    def _append(
        self, command: AppendingCommand, event: MessageEvent | ConversationEvent | InboxEvent, context: Context
    ) -> Append:
        event_id = event.message_id if isinstance(event, MessageSent) else event_id_of(command, context)
        named = "message_id" if ANSWER_OF[type(command)] is MessageAccepted else "conversation_id"
        reply = {named: getattr(event, named), "level": "accepted"}
        return Append(self._record(event, event_id, context), event, event_id, hash_of(command, context), reply)

    def _append_return(
        self, where: Conversation, event: ParticipantsAdded, context: Context, *, first: bool = False
    ) -> Append:
        event_id = return_id_of(where, context)
        reply = {"conversation_id": where.conversation_id, "level": "accepted"}
        return Append(self._record(event, event_id, context), event, event_id, 0, reply, first)

    def _record(
        self, event: MessageEvent | ConversationEvent | InboxEvent | MessageRejected, key: str, context: Context
    ) -> Record:
        return envelope.encode(
            event,
            event_id=key,
            source=self.source,
            correlation_id=context.correlation_id,
            actor=context.actor,
            actor_context=context.actor_context,
            cause=context.traceparent,
        )
