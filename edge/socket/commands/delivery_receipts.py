"""What devices say they have got goes into the log once a second per user, device and conversation, the furthest alone.

A `message:delivered` is answered when a record that says as much is durable. So what is not in the log is not
acknowledged: a crash loses a second of it at most, and the client says it again.
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
EVERY_S: Final = 1.0
WAITING: Final = 16
"""So many commands wait for one record; then it is appended before its second is over."""


class _Key(NamedTuple):
    tenant: str
    user_id: str
    conversation_id: str
    device: str


class _Said(NamedTuple):
    visit: ClientSession
    asked: CommandReceived


@dataclass(slots=True, eq=False)
class _Cursor:
    """One device's cursor within a second: what was appended, up to `done`, and what waits, up to `seq`."""

    key: _Key
    done: int = 0
    appending: Future[int] | None = None
    seq: int = 0
    waiting: list[_Said] = field(default_factory=list)
    timer: TimerHandle | None = None


class DeliveryReceipts:
    """Carries out `message:delivered` for one node's sessions.

    Whoever dispatches signals awaits `carry_out`. It answers by itself, exactly once, now or within a second; where it
    raises, nothing was answered and nothing appended: that is the caller's to answer, and to record. `leave` when a
    session is over, or is to end; `stop` when the node is.
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

    async def carry_out(self, visit: ClientSession, asked: CommandReceived, signal: DeliveredMessages) -> None:
        """A member's device has a conversation up to message `seq`, or up to its last one where that is beyond it.

        Raises `Rejected` (proved), `NotReady` and `Unavailable`.
        """
        key = signal.conversation_id
        seq = min(signal.seq, await self._head(visit, key, signal.seq))
        if seq == 0:
            visit.answer(_ack(asked, "persisted"))
            return
        who = visit.identity
        self._say(_Key(who.tenant, who.user_id, key, signal.device or ""), seq, _Said(visit, asked))

    def leave(self, visit: ClientSession) -> None:
        """A session is over, or about to be: what it said is appended now."""
        for cursor in self._waiting.pop(visit, set()):
            self._append(cursor)

    async def stop(self) -> None:
        """Append what waits, and return when all is durable or has failed."""
        for visit in list(self._waiting):
            self.leave(visit)
        for cursor in self._cursors.values():
            if cursor.timer is not None:
                cursor.timer.cancel()
        self._cursors.clear()
        if self._appending:
            await asyncio.wait(self._appending)

    async def _head(self, visit: ClientSession, conversation_id: str, seq: int) -> int:
        """The number of the last message; it is not asked of the store where this session was told as much."""
        channel = visit.seat.channels.get(conversation_id)
        told = 0 if channel is None else channel.last.get("sent", 0)
        return told if seq <= told else await head_for(self._reader, conversation_id, seq)

    def _say(self, key: _Key, seq: int, said: _Said) -> None:
        cursor = self._cursors.setdefault(key, _Cursor(key))
        said.visit.waits()
        if cursor.appending is not None and seq <= cursor.done:
            cursor.appending.add_done_callback(partial(self._appended, [said]))
            return
        cursor.seq = max(cursor.seq, seq)
        cursor.waiting.append(said)
        self._waiting.setdefault(said.visit, set()).add(cursor)
        if cursor.timer is None or len(cursor.waiting) >= WAITING:
            self._append(cursor)

    def _due(self, cursor: _Cursor) -> None:
        """A second is over."""
        cursor.timer = None
        if cursor.waiting:
            self._append(cursor)
        elif self._cursors.get(cursor.key) is cursor:
            del self._cursors[cursor.key]

    def _append(self, cursor: _Cursor) -> None:
        """Append what waits, in one record; the next second begins. Never raises."""
        said, cursor.waiting = cursor.waiting, []
        for visit in {one.visit for one in said}:
            self._waiting.get(visit, set()).discard(cursor)
            if not self._waiting.get(visit, True):
                del self._waiting[visit]
        if cursor.timer is not None:
            cursor.timer.cancel()
        cursor.timer = asyncio.get_running_loop().call_later(EVERY_S, self._due, cursor)
        try:
            future = self._log.append(self._record(cursor, said[-1].asked.correlation_id))
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the client is answered
            self._answer(said, error)
            return
        cursor.appending, cursor.done = future, cursor.seq
        self._appending.add(future)
        future.add_done_callback(self._appending.discard)
        future.add_done_callback(partial(self._settled, cursor))
        future.add_done_callback(partial(self._appended, said))

    def _record(self, cursor: _Cursor, correlation_id: str) -> Record:
        key = cursor.key
        event = MessageDelivered(
            tenant=key.tenant,
            at=self._clock.now(),
            conversation_id=key.conversation_id,
            message_id="",
            sender="",
            seq=cursor.seq,
            stage="delivered",
            by=key.user_id,
            device=key.device,
        )
        said = NAME_OF[DeliveredMessages]
        return envelope.encode(
            event,
            event_id=ids.derive(key.tenant, key.conversation_id, key.user_id, said, f"{cursor.seq}:{key.device}"),
            source=self._source,
            correlation_id=correlation_id,
            actor=key.user_id,
        )

    def _settled(self, cursor: _Cursor, future: Future[int]) -> None:
        """What failed is not done: whoever says it again has it appended again."""
        if cursor.appending is future and failure_of(future) is not None:
            cursor.appending, cursor.done = None, 0

    def _appended(self, said: list[_Said], future: Future[int]) -> None:
        self._answer(said, failure_of(future))

    def _answer(self, said: list[_Said], error: BaseException | None) -> None:
        for visit, asked in said:
            visit.answer(_ack(asked, "accepted") if error is None else self._commands.failed(error, asked), waited=True)


def _ack(asked: CommandReceived, level: str) -> bytes:
    command = asked.command
    found = command.conversation_id if isinstance(command, DeliveredMessages) else ""
    return frames.ack(asked.frame_id, {"conversation_id": found, "level": level}, asked.correlation_id)
