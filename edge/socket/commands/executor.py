"""The life of a command: decided, appended, acknowledged from the append's own callback; a no is in the log first.

A refusal that could not be appended is answered as what kept it from being recorded (`unavailable`, `outcome_unknown`):
the client asks again and gets its no then. So nothing is refused that the audit does not know of.
"""

import asyncio
import logging
from asyncio import Future
from functools import partial
from typing import Any, Final

from core.clock import Clock
from core.commands.command_handler import CommandHandler
from core.commands.command_ids import Acting, Hinting
from core.commands.outcome import Append, Unchanged
from core.domain.decision import Context, Rejected
from core.health import Health
from core.ports.documents import StoreBroken
from core.ports.event_log import DataDamaged, EventLog, OutcomeUnknown, Unavailable
from core.ports.memberships import NotReady
from core.ports.search_index import SearchTimeout
from edge.socket.commands.dedup_cache import DedupCache
from edge.socket.commands.wait_for import PendingWait, PendingWaits
from edge.socket.session.client_session import ClientSession
from edge.socket.session.protocol import CommandReceived
from schemas.commands import CreateConversation, SendMessage
from schemas.commands.command_base import Level
from schemas.envelope import Record
from schemas.wire import frames
from schemas.wire.errors import Problem, problem

logger: Final = logging.getLogger("caas.commands")
RETRY_MS: Final = 500


class CommandExecutor:
    """Carries out the commands of one node's sessions; each is answered exactly once."""

    def __init__(
        self,
        *,
        handler: CommandHandler,
        log: EventLog,
        clock: Clock,
        health: Health,
        waiting: PendingWaits,
        repeats: DedupCache | None = None,
    ) -> None:
        self._handler = handler
        self._log = log
        self._clock = clock
        self._health = health
        self._waiting = waiting
        self._repeats = repeats or DedupCache()

    async def carry_out(self, visit: ClientSession, asked: CommandReceived, command: Acting) -> None:
        """Decide, in the order received; it returns when the append has begun, the answer comes when it is durable."""
        identity = visit.identity
        context = Context(identity.tenant, identity.user_id, self._clock.now(), asked.correlation_id, identity.names)
        try:
            if isinstance(command, CreateConversation):
                command = await self._handler.named(command, context)
            await self._decide(visit, asked, command, context)
        except Rejected as no:
            self.refuse(visit, asked, command, no, context)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the client is answered
            visit.answer(self.failed(error, asked))

    async def _decide(self, visit: ClientSession, asked: CommandReceived, command: Acting, context: Context) -> None:
        decision: Append | Unchanged | None = None
        if not asked.retry:
            decision = self._handler.at_once(command, context)
        if decision is None:
            decision = await self._handled(visit, asked, command, context)
        if isinstance(decision, Unchanged):
            wait = self._wait(visit, asked, command, decision.reply, known=True)
            self._acknowledge(visit, asked, decision.reply, wait)
            return
        future, known = self._append(decision)
        wait = self._wait(visit, asked, command, decision.reply, known=known)
        future.add_done_callback(partial(self._appended, visit, asked, decision, wait))

    async def _handled(
        self, visit: ClientSession, asked: CommandReceived, command: Acting, context: Context
    ) -> Append | Unchanged:
        """What a command comes to, once all that makes way for it is in the log and in the view."""
        while True:
            decision = await self._handler.decide(
                command, context, retry=asked.retry, settled=partial(visit.settled, 1)
            )
            if isinstance(decision, Unchanged) or not decision.first:
                return decision
            future, _ = self._append(decision)
            await self._handler.pass_by(decision, await asyncio.shield(future))

    def _append(self, decision: Append) -> tuple[Future[int], bool]:
        """The append of a record, and whether this node had begun it before. Raises `Rejected`."""
        future = self._repeats.known(decision.event_id, decision.content)
        if future is not None:
            return future, True
        future = self._log.append(decision.record)
        self._repeats.remember(decision.event_id, decision.content, future)
        return future, False

    def _wait(
        self, visit: ClientSession, asked: CommandReceived, command: Acting, reply: dict[str, Any], *, known: bool
    ) -> PendingWait | None:
        """What the answer to a send waits for; None where it waits for nothing more."""
        if not isinstance(command, SendMessage) or command.wait_for == "accepted":
            return None
        of = asked.correlation_id
        return self._waiting.begin(visit, command, reply["message_id"], reply["level"], known=known, correlation_id=of)

    def _appended(
        self,
        visit: ClientSession,
        asked: CommandReceived,
        decision: Append,
        wait: PendingWait | None,
        future: Future[int],
    ) -> None:
        error = failure_of(future)
        if error is None:
            visit.writes.add(asked.command, decision.record, future.result())
            self._acknowledge(visit, asked, decision.reply, wait)
            return
        if wait is not None:
            self._waiting.end(wait)
        visit.answer(self.failed(error, asked))

    def _acknowledge(
        self, visit: ClientSession, asked: CommandReceived, reply: dict[str, Any], wait: PendingWait | None
    ) -> None:
        """Answer a yes, or leave it to what it waits for."""
        if wait is None:
            visit.answer(frames.ack(asked.frame_id, reply, asked.correlation_id))
        else:
            self._waiting.answer(wait, partial(_ack, asked, reply))

    def refuse(
        self,
        visit: ClientSession,
        asked: CommandReceived,
        command: Acting | Hinting,
        no: Rejected,
        context: Context,
    ) -> None:
        """Answer a no, once it is recorded."""
        refusal = frames.error(asked.frame_id, problem_of(no), asked.correlation_id)
        try:
            record = self._handler.rejection(command, no, context)
        except Exception as error:  # noqa: BLE001 - as above
            visit.answer(self.failed(error, asked))
            return
        self.record(record, visit, asked, refusal)

    def record(self, record: Record, visit: ClientSession, asked: CommandReceived, refusal: bytes) -> None:
        """Append a refusal, and only then answer it."""

        def recorded(future: Future[int]) -> None:
            error = failure_of(future)
            visit.answer(refusal if error is None else self.failed(error, asked))

        self._log.append(record).add_done_callback(recorded)

    def failed(self, error: BaseException, asked: CommandReceived) -> bytes:
        """The error frame for what went wrong; what should not happen is logged with the correlation id."""
        what = problem_of(error)
        self._health.count(f"answered_{what.code}")
        if what.code == "internal":
            logger.error("a command failed", exc_info=error, extra={"correlation_id": asked.correlation_id})
        return frames.error(asked.frame_id, what, asked.correlation_id)


def _ack(asked: CommandReceived, reply: dict[str, Any], level: Level) -> bytes:
    return frames.ack(asked.frame_id, reply | {"level": level}, asked.correlation_id)


def failure_of(future: Future[int]) -> BaseException | None:
    """Why an append failed, if it did; one that was cancelled may be in the log."""
    return OutcomeUnknown("the log was stopped") if future.cancelled() else future.exception()


def problem_of(error: BaseException) -> Problem:
    """What a client is told of an error."""
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
