"""DeliveryReceipts appends the highest delivered number once a second per user, device and conversation.

A `message:delivered` is answered when a record with its number or a higher one is durable. What is not in the log is
not acknowledged: a crash loses one second of receipts at most, and clients send them again.
"""

import asyncio
import logging
from asyncio import Future, TimerHandle
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from core.clock import Clock
from core.ports.event_log import EventLog
from core.ports.messages import head_for
from edge.socket.commands.executor import CommandExecutor, failure_of
from edge.socket.session.client_session import ClientSession
from edge.socket.session.protocol import CommandReceived
from projections.messages.reader import MessageReader
from schemas import envelope, ids
from schemas.commands import NAME_OF
from schemas.commands.signals import DeliveredMessages
from schemas.envelope import Record
from schemas.events import MessageDelivered
from schemas.wire import frames

logger: Final = logging.getLogger("caas.delivering")
APPEND_INTERVAL_S: Final = 1.0
"""Minimum interval between two records of one device's cursor, unless `MAX_WAITING` commands wait."""
MAX_WAITING: Final = 16
"""Maximum number of commands that wait for one record; then it is appended before its interval is over."""


class _Key(NamedTuple):
    tenant: str
    user_id: str
    conversation_id: str
    device: str


class _Receipt(NamedTuple):
    client: ClientSession
    request: CommandReceived


@dataclass(slots=True, eq=False)
class _Cursor:
    """One device's cursor within an interval: appended up to `done`, waiting up to `seq`."""

    key: _Key
    done: int = 0
    appending: Future[int] | None = None
    seq: int = 0
    waiting: list[_Receipt] = field(default_factory=list)
    timer: TimerHandle | None = None


class DeliveryReceipts:
    """Executes `message:delivered` for one node's sessions.

    `execute` answers exactly once, now or within a second; where it raises, nothing was answered and nothing appended,
    and the caller answers and records it. Call `flush` when a session ends or is about to, and `stop` when the node
    stops.
    """

    def __init__(
        self,
        *,
        reader: MessageReader,
        log: EventLog,
        clock: Clock,
        source: str,
        commands: CommandExecutor,
    ) -> None:
        self._reader = reader
        self._log = log
        self._clock = clock
        self._source = source
        self._commands = commands
        self._cursors: dict[_Key, _Cursor] = {}
        self._waiting: dict[ClientSession, set[_Cursor]] = {}
        self._appending: set[Future[int]] = set()

    async def execute(self, client: ClientSession, request: CommandReceived, signal: DeliveredMessages) -> None:
        """Record that a member's device has received a conversation up to message `seq`, or its last one if lower.

        Raises `Rejected` (re-checked against the log's end), `NotReady` and `Unavailable`.
        """
        key = signal.conversation_id
        seq = min(signal.seq, await self._head(client, key, signal.seq))
        if seq == 0:
            client.answer(self._ack(request, "persisted"))
            return
        who = client.identity
        self._add(_Key(who.tenant, who.user_id, key, signal.device or ""), seq, _Receipt(client, request))

    def flush(self, client: ClientSession) -> None:
        """Append the receipts of a session now: it has ended or is about to."""
        for cursor in self._waiting.pop(client, set()):
            self._append(cursor)

    async def stop(self) -> None:
        """Append all waiting receipts, and return when every append is durable or has failed."""
        for client in list(self._waiting):
            self.flush(client)
        for cursor in self._cursors.values():
            if cursor.timer is not None:
                cursor.timer.cancel()
        self._cursors.clear()
        if self._appending:
            await asyncio.wait(self._appending)

    async def _head(self, client: ClientSession, conversation_id: str, seq: int) -> int:
        """Return the number of the last message, without reading the store if this session was sent `seq`."""
        channel = client.subscriber.channels.get(conversation_id)
        sent = 0 if channel is None else channel.last.get("sent", 0)
        return sent if seq <= sent else await head_for(self._reader, conversation_id, seq)

    def _add(self, key: _Key, seq: int, receipt: _Receipt) -> None:
        cursor = self._cursors.setdefault(key, _Cursor(key))
        receipt.client.mark_waiting()
        if cursor.appending is not None and seq <= cursor.done:
            cursor.appending.add_done_callback(partial(self._appended, [receipt]))
            return
        cursor.seq = max(cursor.seq, seq)
        cursor.waiting.append(receipt)
        self._waiting.setdefault(receipt.client, set()).add(cursor)
        if cursor.timer is None or len(cursor.waiting) >= MAX_WAITING:
            self._append(cursor)

    def _end_interval(self, cursor: _Cursor) -> None:
        """Append what waits, or forget the cursor."""
        cursor.timer = None
        if cursor.waiting:
            self._append(cursor)
        elif self._cursors.get(cursor.key) is cursor:
            del self._cursors[cursor.key]

    def _append(self, cursor: _Cursor) -> None:
        """Append the waiting receipts in one record, and begin the next interval. Never raises."""
        receipts, cursor.waiting = cursor.waiting, []
        for client in {receipt.client for receipt in receipts}:
            self._waiting.get(client, set()).discard(cursor)
            if not self._waiting.get(client, True):
                del self._waiting[client]
        if cursor.timer is not None:
            cursor.timer.cancel()
        cursor.timer = asyncio.get_running_loop().call_later(APPEND_INTERVAL_S, self._end_interval, cursor)
        try:
            request = receipts[-1].request
            future = self._commands.append(self._record(cursor, request), request)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the client is answered
            self._answer(receipts, error)
            return
        cursor.appending, cursor.done = future, cursor.seq
        self._appending.add(future)
        future.add_done_callback(self._appending.discard)
        future.add_done_callback(partial(self._reset_failed, cursor))
        future.add_done_callback(partial(self._appended, receipts))

    def _record(self, cursor: _Cursor, request: CommandReceived) -> Record:
        key = cursor.key
        event = MessageDelivered(
            tenant=key.tenant,
            at=self._clock.now(),
            conversation_id=key.conversation_id,
            seq=cursor.seq,
            stage="delivered",
            by=key.user_id,
            device=key.device,
        )
        command = NAME_OF[DeliveredMessages]
        return envelope.encode(
            event,
            event_id=ids.derive(key.tenant, key.conversation_id, key.user_id, command, f"{cursor.seq}:{key.device}"),
            source=self._source,
            correlation_id=request.correlation_id,
            actor=key.user_id,
            cause=request.traceparent,
        )

    def _reset_failed(self, cursor: _Cursor, future: Future[int]) -> None:
        """Forget a failed append, so that a repeated receipt is appended again."""
        if cursor.appending is future and failure_of(future) is not None:
            cursor.appending, cursor.done = None, 0

    def _appended(self, receipts: list[_Receipt], future: Future[int]) -> None:
        self._answer(receipts, failure_of(future))

    def _answer(self, receipts: list[_Receipt], error: BaseException | None) -> None:
        for client, request in receipts:
            client.answer(
                self._ack(request, "accepted") if error is None else self._commands.failed(error, request, client),
                waited=True,
            )

    def _ack(self, request: CommandReceived, level: str) -> bytes:
        self._commands.outcomes.done(request)
        command = request.command
        conversation_id = command.conversation_id if isinstance(command, DeliveredMessages) else ""
        data = {"conversation_id": conversation_id, "level": level}
        return frames.ack(request.frame_id, data, request.correlation_id)
