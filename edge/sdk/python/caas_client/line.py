"""A line to the nodes that comes back by itself: its commands are answered once, its events come in order."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, Self

import aiohttp

from .answer_deadline import watch
from .backoff import Backoff
from .connection import Connection
from .delivery_reports import DeliveryReports
from .event_queue import EventQueue
from .gap_recovery import GapRecovery
from .handover import LEAVE_S, NOW, Handover
from .incoming_frames import FrameReader
from .lane_positions import LanePositions, Vector
from .nodes import Nodes
from .pending_commands import Answer, PendingCommands, untraced
from .pipeline import WAITING
from .reconnect_state import ReconnectState
from .token_renewal import TokenRenewal
from .tokens import TokenSource
from .wire import Closed, Event, Refused

PATIENCE_S: Final = 60.0
LOOK_S: Final = 0.02
"""Interval at which it is looked whether something is still due on a line that was followed."""
CLOSED_BY_US: Final = 1000

logger: Final = logging.getLogger("caas.client")

Listener = Callable[[Event], None]


class Line:
    """One user's line to the nodes at `urls`, tried in turn; `token` is a token or where tokens come from.

    - Commands go out in the order of their calls, those that change one conversation one after the other. One that
      was not answered when the line broke, or whose error says `retry`, is sent again under the same keys and
      correlation id, before later ones of its conversation.
    - Events of a lane come in the order of `n`, each once. What a line lost is asked for by `sync` and marked healed;
      where a node cannot send it, an event of type `reset` says so.
    - Events go to `listener`, called at once, or wait for `events()`, where about 10,000 wait: an application that
      does not take them stops its own line, acknowledgments too.
    - `positions` is where an earlier client stood: what came since is synced on the first line already. `{}` is the
      beginning of all conversations, None where they stand when `connect` returns.
    - A node that goes away is left for another: the next line is open before the old one is closed.
    - Where `device` names one, others' messages are said to be delivered there as they are shown to the application.
    - `traceparent` returns the W3C trace context of what is asked now, if there is one: the nodes continue that trace.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        token: str | TokenSource,
        *,
        session: aiohttp.ClientSession | None = None,
        listener: Listener | None = None,
        positions: Vector | None = None,
        patience: float = PATIENCE_S,
        waiting: int = WAITING,
        device: str | None = None,
        traceparent: Callable[[], str | None] = untraced,
    ) -> None:
        self._nodes = Nodes(urls, token)
        self._session = session
        self._owns_session = session is None
        self._listener = listener
        self._positions = LanePositions(positions)
        self._urgent: list[bytes] = []
        self._wake = asyncio.Event()
        self._asking = PendingCommands(self._wake.set, patience=patience, most=waiting, traceparent=traceparent)
        self._healing = GapRecovery(self._positions, self._send_soon, beginning=positions is None)
        self._standing = ReconnectState(self._send_soon)
        self._renewing = TokenRenewal(self._nodes, self._send_soon)
        self._hearing = FrameReader(self._asking, self._healing, self._standing, self._renewing)
        self._delivering = None if device is None else DeliveryReports(self.ask, device)
        self._inbox = EventQueue()
        self._hello: dict[str, Any] | None = None
        self._ready: asyncio.Future[dict[str, Any]] | None = None
        self._task: asyncio.Task[None] | None = None
        self._current: Connection | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.connected = False

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @property
    def user_id(self) -> str:
        """Whose line it is, as the first hello says; empty until then."""
        return self._positions.user_id

    @property
    def dropped(self) -> int:
        """How many pushes had come before and were not passed on."""
        return self._positions.dropped

    @property
    def unanswered(self) -> int:
        """How many commands have no answer yet."""
        return len(self._asking)

    def positions(self) -> dict[str, dict[str, int]]:
        """Where the application stands: conversation → lane → n of what it was shown; what still waits is not.
        `user` → `user` → n is where it stands in the user's own lane.
        """
        return self._inbox.before(self._positions.vector())

    def start(self) -> asyncio.Future[dict[str, Any]]:
        """Open the line and keep it, without waiting; the future has the first hello's data, or raises `Refused`.

        What is asked meanwhile goes out when there is a line.
        """
        if self._ready is None:
            self._session = self._session or aiohttp.ClientSession()
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._keep(self._session), name="caas client")
        return self._ready

    async def connect(self) -> dict[str, Any]:
        """`start`, and wait until there is a line and it is known where it begins."""
        try:
            return await self.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Hang up; commands without an answer raise `Refused(1000)`, `events()` ends."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._end(Refused(CLOSED_BY_US, "this client was closed"))
        if self._owns_session and self._session is not None:
            await self._session.close()

    def ask(self, kind: str, data: dict[str, Any], *, retry: bool = False, correlation_id: str | None = None) -> Answer:
        """What the node will answer; the command is in its place in the order from now on.

        `retry` says that this may be a repeat from an earlier client. The answer raises `CommandError` for a rejection,
        and for an error worth a retry after `patience` seconds; `Refused` once the line is gone for good. Cancelling it
        takes the command back, unless it is on the line. Raises `CommandError` where too many wait, and `Refused`.
        """
        answer = self._asking.ask(kind, data, retry=retry, correlation_id=correlation_id)
        self._standing.remember(kind, data, answer)
        return answer

    async def command(
        self, kind: str, data: dict[str, Any], *, retry: bool = False, correlation_id: str | None = None
    ) -> dict[str, Any]:
        """`ask`, and wait for the answer."""
        return await self.ask(kind, data, retry=retry, correlation_id=correlation_id)

    def events(self) -> AsyncIterator[Event]:
        """What happens, as it does. Ends with `close`; raises `Refused` once the line is gone for good."""
        return self._inbox.take()

    async def _keep(self, session: aiohttp.ClientSession) -> None:
        """One line after another, until one is refused."""
        backoff, following = Backoff(), None
        try:
            while True:
                began, handover = time.monotonic(), Handover(partial(self._nodes.open, session))
                try:
                    connection = following or await self._nodes.open(session)
                    following = None
                    following = await self._talk(connection, handover)
                    backoff = Backoff()
                except Closed as closed:
                    self._nodes.come_back(closed)
                    backoff.ended(closed.code, time.monotonic() - began)
                    await asyncio.sleep(handover.wait_s + backoff.next())
        except Refused as refusal:
            self._end(refusal)
        except Exception as error:
            self._end(Refused(0, repr(error)))
            raise
        finally:
            for task in self._leaving:
                task.cancel()
            await asyncio.gather(*self._leaving, return_exceptions=True)
            if following is not None:
                await following.close()

    async def _talk(self, connection: Connection, handover: Handover) -> Connection:
        """Read and write until another line has been opened, which is answered; this one is left then. Raises `Closed`
        where it is gone before.
        """
        self._current, following = connection, None
        events, line = self._opened(connection)
        reading = asyncio.create_task(self._read(connection, handover, events), name="caas client reads")
        watching = watch(connection, self._hearing.late, lambda: self._inbox.full)
        working = (self._write(connection), watching, self._renewing.keep(connection.hello))
        beside = [asyncio.create_task(work, name="caas client writes, watches, renews") for work in working]
        try:
            following = await handover.next(reading)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, handover.end(), return_exceptions=True)
            self._urgent.clear()
            self._healing.broke()
            self._standing.broke()
            leaving = self._leave(connection, reading, line, stay=following is not None)
            if following is None:
                self.connected = False
                await leaving
            else:
                self._leaving.add(task := asyncio.create_task(leaving, name="caas client leaves a line"))
                task.add_done_callback(self._leaving.discard)
        return following

    async def _leave(self, connection: Connection, reading: "asyncio.Task[None]", line: int, *, stay: bool) -> None:
        """Close a line; one that may stay, when nothing is due on it any more."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + LEAVE_S
        try:
            while stay and not reading.done() and loop.time() < ends_at:
                await asyncio.sleep(LOOK_S)
                stay = self._asking.due(line) > 0 or not self._healing.settled
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            self._asking.lost(line)
            await connection.close()

    def _opened(self, connection: Connection) -> tuple[Iterable[Event], int]:
        """What may be passed on already, and the number of this line."""
        self._hello = connection.hello
        self.connections += 1
        self.connected = True
        self._positions.user_id = connection.hello["user_id"]
        line = self._asking.opened(connection.hello["limits"]["in_flight"], connection.frame_limit)
        self._standing.came_back()
        return self._healing.came_back(connection.frame_limit), line

    def _stands(self) -> None:
        """Whoever waits in `connect` goes on once it is known where this client begins."""
        if self._ready is not None and not self._ready.done() and self._hello and not self._healing.beginning:
            self._ready.set_result(self._hello)

    async def _write(self, connection: Connection) -> None:
        """Write what is to go out; a line that is gone is reported by the reader, who knows the close code."""
        with contextlib.suppress(Closed):
            while True:
                while self._urgent:
                    await connection.send(self._urgent.pop(0))
                if (frame := self._asking.frame()) is None:
                    self._wake.clear()
                    await self._wake.wait()
                else:
                    await connection.send(frame)

    def _send_soon(self, frame: bytes) -> None:
        self._urgent.append(frame)
        self._wake.set()

    async def _read(self, connection: Connection, handover: Handover, events: Iterable[Event]) -> None:
        await self._pass_on(events)
        self._stands()
        while True:
            frame = await connection.receive()
            if frame.id is None and frame.type == "going-away":
                handover.begin(frame.data.get("reconnect_after_ms", 0) / 1000)
            elif connection is self._current or not (frame.nameless or (frame.id is None and frame.type in NOW)):
                await self._pass_on(self._hearing.heard(frame))
                self._stands()

    async def _pass_on(self, events: Iterable[Event]) -> None:
        self._inbox.add(events)
        if self._delivering is not None:
            self._delivering.arrived(events, self.user_id)
        if self._listener is None:
            await self._inbox.room()
        else:
            while (event := self._inbox.next()) is not None:
                self._listener(event)

    def _end(self, refusal: Refused) -> None:
        if self._asking.over is None:
            self._asking.end(refusal)
            self._inbox.close(None if refusal.close_code == CLOSED_BY_US else refusal)
            if self._ready is not None and not self._ready.done():
                self._ready.set_exception(refusal)
                self._ready.exception()  # a caller that does not wait for it learns it from events and answers
