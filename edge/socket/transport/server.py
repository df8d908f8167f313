"""Sockets serves the WebSocket route: `GET /socket` opens a session, and a draining node sends its sessions away."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import web

from core.health import Health
from core.settings import Network, Settings
from edge.auth.tokens import Tokens
from edge.http.bearer import token_of
from edge.http.connection import connection_of
from edge.http.front_page import SOCKET, add_front_page
from edge.http.health import add_health_routes
from edge.http.problems import CORRELATION, CORRELATION_ID, TRACEPARENT, HttpProblem, problems
from edge.http.unidentified import UnidentifiedConnection
from edge.socket.node import Node
from edge.socket.session.protocol import Origin, SessionProtocol
from edge.socket.transport.admission import Admission
from edge.socket.transport.connection import CLOSE_TIMEOUT_S, Connection
from schemas.bounds import FRAME_BYTES
from schemas.wire import frames
from schemas.wire.errors import problem

logger: Final = logging.getLogger("caas.socket")
PATH: Final = "/socket"
SPREAD_MS: Final = 2
"""Interval between the leaves of two clients of a draining node: 2,500 clients are spread over five seconds."""
GRACE_MS: Final = 1_000
"""Maximum time that a client has to open its next connection, before the one here is closed."""
RETRY_MS: Final = 1_000


class Sockets:
    """The sockets of one node."""

    def __init__(
        self, node: Node, tokens: Tokens, settings: Settings, health: Health, new_id: Callable[[], str]
    ) -> None:
        self._node = node
        self._tokens = tokens
        self._settings = settings
        self._health = health
        self._new_id = new_id
        self._admission = Admission(settings, health)
        self._connections: set[Connection] = set()
        self._draining = False
        health.gauge("ws_connections", lambda: self.open)

    @property
    def open(self) -> int:
        """The number of open sockets."""
        return len(self._connections)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket from its handshake to its close. Raises `HttpProblem` if it may not be opened now."""
        if self._draining:
            detail = "this node goes away: ask the next one"
            raise HttpProblem(problem("unavailable", detail, retry_after_ms=RETRY_MS))
        place = self._admission.admit(request, self.open)
        try:
            return await self._opened(request, place)
        finally:
            self._admission.release(request, place)

    async def _opened(self, request: web.Request, place: UnidentifiedConnection) -> web.StreamResponse:
        ws, http_connection, transport = self._websocket(), connection_of(request), request.transport
        if transport is None:  # the client disconnected before its turn: this answer is not read
            return web.Response()
        origin = Origin(request[CORRELATION_ID], request[TRACEPARENT])
        ws.headers[CORRELATION] = origin.correlation_id
        connection = Connection(
            self._node,
            self._tokens,
            self._settings,
            self._admission,
            ws=ws,
            transport=transport,
            session=SessionProtocol(self._new_id, begin=self._node.tracer.begin, origin=origin),
            http_connection=http_connection,
            identified=place.leave,
            agent=request.headers.get("User-Agent", ""),
        )
        http_connection.refuses = connection.hang_up
        try:
            await self._served(request, ws, connection)
        finally:
            connection.release()
        return ws

    async def _served(self, request: web.Request, ws: web.WebSocketResponse[bool], connection: Connection) -> None:
        try:
            await ws.prepare(request)
        except web.HTTPBadRequest as error:
            self._health.count("upgrades_refused")
            error.text = "a socket begins with a WebSocket handshake (RFC 6455, version 13)"
            raise
        if request.transport is None:
            return
        self._connections.add(connection)
        try:
            if self._draining:  # since the handshake began
                await connection.close_and_wait("draining")
            elif ws.ws_protocol is None and "Sec-WebSocket-Protocol" in request.headers:
                self._health.count("subprotocols_refused")
                await connection.close_and_wait("bad_protocol")
            else:
                await connection.run(token_of(request))
        finally:
            self._connections.discard(connection)

    def _websocket(self) -> web.WebSocketResponse[bool]:
        return web.WebSocketResponse(
            timeout=CLOSE_TIMEOUT_S,
            heartbeat=self._settings.heartbeat_ms / 1000,
            protocols=(frames.SUBPROTOCOL,),
            autoping=False,
            compress=False,
            max_msg_size=FRAME_BYTES + 1,
            decode_text=False,
        )

    async def drain(self) -> None:
        """Refuse new sockets, send going-away, serve each client until it left or its time is over, then close it.

        A few clients are asked to leave at once, many spread over at most `drain_ms`. A second call does nothing.
        """
        if self._draining:
            return
        self._draining = True
        self._health.waits("draining", "this node goes away")
        connections = list(self._connections)
        logger.info("draining %d sockets", len(connections))
        grace_ms = min(GRACE_MS, self._settings.drain_ms // 2)
        spread_ms = max(1, min(len(connections) * SPREAD_MS, self._settings.drain_ms - grace_ms))
        ends_at = asyncio.get_running_loop().time() + self._settings.drain_ms / 1000
        async with asyncio.TaskGroup() as group:
            for connection in connections:
                soon_ms = 1 + secrets.randbelow(spread_ms)
                connection.goes_away(soon_ms)
                group.create_task(self._send_away(connection, soon_ms + grace_ms, ends_at), name="send away")

    async def _send_away(self, connection: Connection, within_ms: int, ends_at: float) -> None:
        """Serve a client that was asked to leave for `within_ms`, answer its commands until `ends_at`, and close."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_ms / 1000):
                await connection.over.wait()
                return
        try:
            async with asyncio.timeout_at(ends_at):
                await connection.leave()
        except TimeoutError:
            self._health.count("drained_unanswered")
        await connection.close_and_wait("draining")


class Entrance:
    """The socket route of a process. Until its node runs it answers 503 with the failing checks, so that the process
    serves its health from the first second. The check `node` fails until then.
    """

    def __init__(self, health: Health) -> None:
        health.expects("node")
        self._health = health
        self._sockets: Sockets | None = None

    def open(self, sockets: Sockets) -> None:
        """Serve these sockets: the node runs."""
        self._sockets = sockets
        self._health.goes_on("node")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket. Raises `HttpProblem` if it may not be opened now."""
        if self._sockets is None:
            waiting = ", ".join(self._health.waiting)
            raise HttpProblem(problem("not_ready", f"this node starts and waits: {waiting}", retry_after_ms=RETRY_MS))
        return await self._sockets.handle(request)

    async def drain(self) -> None:
        """Drain the sockets, if the node runs."""
        if self._sockets is not None:
            await self._sockets.drain()


def add_routes(app: web.Application, entrance: Entrance) -> None:
    """Serve the sockets at `/socket`; a server that stops drains them, unless they are drained already."""

    async def drain(_: web.Application) -> None:
        await entrance.drain()

    app.router.add_get(PATH, entrance.handle)
    app.on_shutdown.append(drain)


def socket_app(entrance: Entrance, health: Health, insiders: Sequence[Network] | None = None) -> web.Application:
    """Return the socket service alone, with its health; `insiders` see the causes of failures (None: all do)."""
    app = web.Application(middlewares=[problems])
    add_routes(app, entrance)
    add_front_page(app, "a socket node", SOCKET)
    add_health_routes(app, health, insiders)
    return app
