"""CommandExecutor decides a command, appends its event, and acknowledges it from the append's own callback.

A rejection is appended before it is answered. If its append fails, that error is answered (`unavailable`,
`outcome_unknown`): the client retries and gets the rejection then. So the audit knows every rejection.
"""

import asyncio
import logging
from asyncio import Future
from functools import partial
from typing import Any, Final

from core.clock import Clock
from core.commands.command_handler import CommandHandler
from core.commands.command_ids import AppendingCommand, ConversationSignal, conversation_of
from core.commands.outcome import Append, Unchanged
from core.commands.outcome_records import rejection_record, unchanged_record
from core.domain.decision import Context, Rejected
from core.health import Health
from core.ports.documents import StoreBroken
from core.ports.event_log import DataDamaged, EventLog, OutcomeUnknown, Unavailable
from core.ports.memberships import NotReady
from core.ports.search_index import SearchTimeout
from core.ports.tracer import UNTRACED, Tracer
from edge.socket.commands.backlog import Backlog
from edge.socket.commands.dedup_cache import DedupCache
from edge.socket.commands.wait_for import PendingWait, PendingWaits
from edge.socket.session.client_session import ClientSession
from edge.socket.session.outcomes import Outcomes
from edge.socket.session.protocol import CommandReceived
from projections.queries.own_writes import MODEL_OF
from schemas.commands.conversation import CreateConversation
from schemas.commands.message import SendMessage
from schemas.envelope import Record
from schemas.topics import partition_of
from schemas.wire import frames
from schemas.wire.answers import Level
from schemas.wire.errors import Problem, problem

logger: Final = logging.getLogger("caas.commands")
RETRY_MS: Final = 500
"""Time after which a client should retry, in milliseconds, as errors report it."""


class CommandExecutor:
    """Executes the commands of one node's sessions; each is answered exactly once."""

    def __init__(
        self,
        *,
        handler: CommandHandler,
        log: EventLog,
        clock: Clock,
        health: Health,
        waits: PendingWaits,
        backlog: Backlog,
        dedup_cache: DedupCache | None = None,
        tracer: Tracer = UNTRACED,
    ) -> None:
        self._handler = handler
        self._log = log
        self._clock = clock
        self._tracer = tracer
        self.outcomes: Final = Outcomes(health, tracer=tracer)
        self._waits = waits
        self.backlog: Final = backlog
        self._dedup_cache = dedup_cache or DedupCache()

    async def execute(self, client: ClientSession, request: CommandReceived, command: AppendingCommand) -> None:
        """Decide commands in the order received; return when the append has begun. It is answered when durable. Where
        too much of this user is not saved yet, it waits for that first.
        """
        identity = client.identity
        conversation = "" if isinstance(command, CreateConversation) else command.conversation_id
        await self.backlog.wait_for_room(identity.key, conversation, client.send)
        context = Context(
            identity.tenant,
            identity.user_id,
            self._clock.now(),
            request.correlation_id,
            identity.names,
            client.actor_context,
            request.traceparent,
        )
        try:
            if isinstance(command, CreateConversation):
                command = await self._handler.named(command, context)
            await self._decide(client, request, command, context)
        except Rejected as rejection:
            self.refuse(client, request, command, rejection, context)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the client is answered
            client.answer(self.failed(error, request, client))

    async def _decide(
        self, client: ClientSession, request: CommandReceived, command: AppendingCommand, context: Context
    ) -> None:
        decision: Append | Unchanged | None = None
        if not request.retry:
            decision = self._handler.decide_from_cache(command, context)
        if decision is None:
            decision = await self._decide_with_appends(client, request, command, context)
        if isinstance(decision, Unchanged):
            wait = self._wait(client, request, command, decision.reply, known=True)
            record = unchanged_record(self._handler.source, command, context, retry=request.retry)
            append = self.append(record, request)
            append.add_done_callback(partial(self._recorded, client, request, decision.reply, wait))
            return
        future, known = self._append(decision, request)
        if not known:
            where, record = conversation_of(command, context), decision.record
            place = partition_of(record.topic, record.key)
            self.backlog.add(client.identity.key, where, MODEL_OF[type(command)], place, future)
        wait = self._wait(client, request, command, decision.reply, known=known)
        future.add_done_callback(partial(self._appended, client, request, decision, wait))

    async def _decide_with_appends(
        self, client: ClientSession, request: CommandReceived, command: AppendingCommand, context: Context
    ) -> Append | Unchanged:
        """Return the decision on a command, once the events that must precede it are in the log and in the view."""
        while True:
            decision = await self._handler.decide(
                command, context, retry=request.retry, after_pending_appends=partial(client.wait_for_appends, 1)
            )
            if isinstance(decision, Unchanged) or not decision.first:
                return decision
            future, _ = self._append(decision, request)
            await self._handler.pass_by(decision, await asyncio.shield(future))

    def append(self, record: Record, request: CommandReceived) -> Future[int]:
        """Append a record of this request, which is reported if it is in a trace."""
        future = self._log.append(record)
        if request.traceparent:
            self._tracer.appended(record, request.traceparent, future)
        return future

    def _append(self, decision: Append, request: CommandReceived) -> tuple[Future[int], bool]:
        """Return the append of a record, and whether this node had begun it before. Raises `Rejected`."""
        future = self._dedup_cache.known(decision.event_id, decision.content)
        if future is not None:
            return future, True
        future = self.append(decision.record, request)
        self._dedup_cache.remember(decision.event_id, decision.content, future)
        return future, False

    def _wait(
        self,
        client: ClientSession,
        request: CommandReceived,
        command: AppendingCommand,
        reply: dict[str, Any],
        *,
        known: bool,
    ) -> PendingWait | None:
        """Return what the answer to a send waits for; None where it waits for nothing more."""
        if not isinstance(command, SendMessage) or command.wait_for == "accepted":
            return None
        of = request.correlation_id
        return self._waits.begin(client, command, reply["message_id"], reply["level"], known=known, correlation_id=of)

    def _appended(
        self,
        client: ClientSession,
        request: CommandReceived,
        decision: Append,
        wait: PendingWait | None,
        future: Future[int],
    ) -> None:
        if failure_of(future) is None:
            client.writes.add(request.command, decision.record, future.result())
        self._recorded(client, request, decision.reply, wait, future)

    def _recorded(
        self,
        client: ClientSession,
        request: CommandReceived,
        reply: dict[str, Any],
        wait: PendingWait | None,
        future: Future[int],
    ) -> None:
        """Answer a command whose record is durable, or could not be appended."""
        error = failure_of(future)
        if error is None:
            self._acknowledge(client, request, reply, wait)
            return
        if wait is not None:
            self._waits.end(wait)
        client.answer(self.failed(error, request, client))

    def _acknowledge(
        self, client: ClientSession, request: CommandReceived, reply: dict[str, Any], wait: PendingWait | None
    ) -> None:
        """Acknowledge a command now, or when its wait ends."""
        if wait is None:
            client.answer(frames.ack(request.frame_id, reply, request.correlation_id))
            self.outcomes.acknowledged(request, reply["level"])
        else:
            self._waits.answer(wait, partial(self._ack, request, reply))

    def _ack(self, request: CommandReceived, reply: dict[str, Any], level: Level) -> bytes:
        """Return the acknowledgment of a command whose wait ends, with the level it has reached."""
        self.outcomes.acknowledged(request, level)
        return frames.ack(request.frame_id, reply | {"level": level}, request.correlation_id)

    def refuse(
        self,
        client: ClientSession,
        request: CommandReceived,
        command: AppendingCommand | ConversationSignal,
        rejection: Rejected,
        context: Context,
    ) -> None:
        """Answer a rejection once it is recorded."""
        answer = frames.error(request.frame_id, problem_of(rejection), request.correlation_id)
        try:
            record = rejection_record(self._handler.source, command, rejection, context)
        except Exception as error:  # noqa: BLE001 - as above
            client.answer(self.failed(error, request, client))
            return

        def recorded(future: Future[int]) -> None:
            error = failure_of(future)
            if error is None:
                self.outcomes.refused(request, rejection.code)
            client.answer(answer if error is None else self.failed(error, request, client))

        self.append(record, request).add_done_callback(recorded)

    def failed(self, error: BaseException, request: CommandReceived, client: ClientSession) -> bytes:
        """Return the error frame of an exception; an unexpected one is logged with the correlation id."""
        found = problem_of(error)
        self.outcomes.refused(request, found.code)
        if found.code == "internal":
            of = {"correlation_id": request.correlation_id, **client.log_fields}
            logger.error("a command failed", exc_info=error, extra=of)
        return frames.error(request.frame_id, found, request.correlation_id)


def failure_of(future: Future[int]) -> BaseException | None:
    """Return why an append failed, if it did; the record of a cancelled append may be in the log."""
    return OutcomeUnknown("the log was stopped") if future.cancelled() else future.exception()


def problem_of(error: BaseException) -> Problem:
    """Return an exception as the problem that a client is sent."""
    match error:
        case Rejected():
            wrong = [{"pointer": pointer, "code": code} for pointer, code in error.errors]
            return problem(error.code, error.detail, errors=wrong or None)
        case SearchTimeout():
            return problem("search_timeout", str(error), retry_after_ms=RETRY_MS)
        case NotReady():
            return problem("not_ready", str(error), retry_after_ms=RETRY_MS)
        case Unavailable() | StoreBroken() | DataDamaged():  # which ends this node: another one may know
            return problem("unavailable", retry_after_ms=RETRY_MS)
        case OutcomeUnknown():
            return problem("outcome_unknown", retry_after_ms=RETRY_MS)
        case _:
            return problem("internal")
