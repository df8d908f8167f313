"""A client of the socket protocol: its commands are answered once, its events come in order, whatever the line does."""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from edge.client import wire
from edge.client.backoff import Backoff, pause_after
from edge.client.connection import Connection, connected
from edge.client.healing import Healing
from edge.client.inbox import Inbox
from edge.client.pipeline import Pending, Pipeline
from edge.client.positions import Positions, Vector
from edge.client.tokens import TokenRefused, TokenSource
from edge.client.wire import Closed, CommandError, Event, Frame, Refused
from schemas.errors import problem

PATIENCE_S: Final = 60.0
STEADY_S: Final = 5.0
LONGEST_RETRY_S: Final = 5.0
CLOSED_BY_US: Final = 1000

logger: Final = logging.getLogger("caas.client")

Listener = Callable[[Event], None]


class Client:
    """One user's line to the nodes at `urls`, tried in turn; `token` is a token or where tokens come from.

    - Commands go out in the order of their calls. One that was not answered when the line broke, or whose error says
      `retry`, is sent again under the same keys and correlation id, before later ones of its conversation.
    - Events of a lane come in the order of `n`, each once. What a line lost is asked for by `sync` and marked healed;
      where a node cannot tell it, an event of type `reset` says so.
    - Events go to `listener`, called at once, or wait for `events()`, where at most 10,000 wait: an application that
      does not take them stops its own line, acknowledgments too.
    - `positions` is where an earlier client stood: what came since is synced on the first line already.
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
    ) -> None:
        self._urls = [urls] if isinstance(urls, str) else list(urls)
        self._token = token
        self._session = session
        self._owns_session = session is None
        self._listener = listener
        self._patience = patience
        self._positions = Positions(positions)
        self._pipeline = Pipeline()
        self._urgent: list[bytes] = []
        self._wake = asyncio.Event()
        self._healing = Healing(self._positions, self._send_soon)
        self._inbox = Inbox()
        self._refused: Refused | None = None
        self._hello: asyncio.Future[dict[str, Any]] | None = None
        self._task: asyncio.Task[None] | None = None
        self._last_id = 0
        self._tries = 0
        self._come_back_after = 0.0
        self._frame_limit = 0
        self.connections = 0

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def dropped(self) -> int:
        """How many pushes had come before and were not passed on."""
        return self._positions.dropped

    @property
    def positions(self) -> dict[str, dict[str, int]]:
        """Where this client stands: conversation → lane → n."""
        return self._positions.vector()

    async def connect(self) -> dict[str, Any]:
        """Open the line and keep it; answers the first hello's data. Raises `Refused`."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        self._hello = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._keep(self._session), name="caas client")
        try:
            return await self._hello
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

    async def command(
        self, kind: str, data: dict[str, Any], *, retry: bool = False, correlation_id: str | None = None
    ) -> dict[str, Any]:
        """What the node answers. `retry` says that this may be a repeat from an earlier client.

        Raises `CommandError` for a no, and for an error worth a retry after `patience` seconds; `Refused` once the
        line is gone for good.
        """
        if self._refused is not None:
            raise self._refused
        self._last_id += 1
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        correlation_id = correlation_id or str(uuid.uuid4())
        self._pipeline.ask(Pending(self._last_id, kind, data, correlation_id, retry, answer, time.monotonic()))
        self._wake.set()
        try:
            return await answer
        except asyncio.CancelledError:
            self._wake.set()
            raise

    def events(self) -> AsyncIterator[Event]:
        """What happens, as it does. Ends with `close`; raises `Refused` once the line is gone for good."""
        return self._inbox.take()

    async def _keep(self, session: aiohttp.ClientSession) -> None:
        """One line after another, until one is refused."""
        backoff = Backoff()
        try:
            while True:
                began = time.monotonic()
                url = self._urls[self._tries % len(self._urls)]
                self._tries += 1
                code = await self._line(session, url)
                if not wire.comes_back(code):
                    raise Refused(code or 0, wire.meaning(code or 0))  # noqa: TRY301 - one place ends it all
                if time.monotonic() - began > STEADY_S:
                    backoff = Backoff()
                await asyncio.sleep(self._come_back_after + backoff.next())
        except Refused as no:
            self._end(no)
        except Exception as error:
            self._end(Refused(0, repr(error)))
            raise

    async def _line(self, session: aiohttp.ClientSession, url: str) -> int | None:
        """One line until it closes; answers its close code, None where it broke or none came about."""
        self._come_back_after = 0.0
        try:
            token = self._token if isinstance(self._token, str) else await self._token()
            async with connected(session, url, token) as connection:
                self._opened(connection)
                await self._talk(connection)
        except Closed as closed:
            return closed.code
        except TokenRefused as no:
            if no.status < 500:
                raise Refused(no.status, str(no)) from no
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            logger.info("no token: %s", error)
        finally:
            self._urgent.clear()
            self._pipeline.lost()
            self._healing.broke()
        return None

    async def _talk(self, connection: Connection) -> None:
        """Read and write until either fails. Raises `Closed`."""
        tasks = (
            asyncio.create_task(self._read(connection), name="caas client reads"),
            asyncio.create_task(self._write(connection), name="caas client writes"),
        )
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in ended:
            task.result()

    def _opened(self, connection: Connection) -> None:
        hello = connection.hello
        self.connections += 1
        self._positions.user_id = hello["user_id"]
        self._pipeline.limit = hello["limits"]["in_flight"]
        self._frame_limit = connection.frame_limit
        if self.connections > 1 or self._positions:
            self._healing.came_back()
        self._wake.set()
        if self._hello is not None and not self._hello.done():
            self._hello.set_result(hello)

    async def _write(self, connection: Connection) -> None:
        """Write what is to go out; a line that is gone is the reader's to tell, who knows the close code."""
        with contextlib.suppress(Closed):
            while True:
                while self._urgent:
                    await connection.send(self._urgent.pop(0))
                if (pending := self._pipeline.next()) is None:
                    self._wake.clear()
                    await self._wake.wait()
                elif (frame := self._frame(pending)) is not None:
                    await connection.send(frame)

    def _frame(self, pending: Pending) -> bytes | None:
        """The command's frame; one that no node would take is answered here."""
        try:
            frame = wire.ask(pending.id, pending.type, pending.data, pending.correlation_id, pending.retry)
        except (TypeError, ValueError, OverflowError) as error:
            wrong = problem("validation_failed", str(error))
        else:
            wrong = problem("too_large", f"{len(frame)} bytes")
            if len(frame) <= self._frame_limit:
                return frame
        self._pipeline.answered(pending.id)
        self._fail(pending, CommandError(wrong))
        return None

    def _send_soon(self, frame: bytes) -> None:
        self._urgent.append(frame)
        self._wake.set()

    async def _read(self, connection: Connection) -> None:
        while True:
            frame = await connection.receive()
            if frame.id is not None:
                healed = self._healing.answered(frame)
                if healed is None:
                    self._answered(frame)
                for event in healed or ():
                    await self._pass_on(event)
            elif frame.type == "going-away":
                self._come_back_after = frame.data.get("reconnect_after_ms", 0) / 1000
            else:
                event = Event(frame.type, frame.data, frame.lane, frame.n, frame.correlation_id, error=frame.error)
                for passed in (event,) if frame.lane is None else self._healing.take(event):
                    await self._pass_on(passed)

    async def _pass_on(self, event: Event) -> None:
        if self._listener is not None:
            self._listener(event)
        else:
            await self._inbox.put(event)

    def _answered(self, frame: Frame) -> None:
        """Settle the command that this frame answers, or put it back to be repeated."""
        error = frame.error
        if error is not None and error.retry and (pending := self._pipeline.again(frame.id)) is not None:
            if time.monotonic() - pending.since < self._patience:
                pause = pause_after(pending.failures - 1, longest=LONGEST_RETRY_S)
                pause = max(pause, (error.retry_after_ms or 0) / 1000)
                asyncio.get_running_loop().call_later(pause, self._resume, pending)
                return
            self._fail(pending, CommandError(error, frame.correlation_id))
        elif (pending := self._pipeline.answered(frame.id)) is not None:
            if error is not None:
                self._fail(pending, CommandError(error, frame.correlation_id))
            elif not pending.answer.done():
                pending.answer.set_result(frame.data)
        self._wake.set()

    def _fail(self, pending: Pending, error: CommandError) -> None:
        if not pending.answer.done():
            pending.answer.set_exception(error)

    def _resume(self, pending: Pending) -> None:
        pending.paused = False
        self._wake.set()

    def _end(self, no: Refused) -> None:
        if self._refused is None:
            self._refused = no
            self._pipeline.fail(no)
            self._inbox.close(None if no.code == CLOSED_BY_US else no)
            if self._hello is not None and not self._hello.done():
                self._hello.set_exception(no)
