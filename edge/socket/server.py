"""The WebSocket service: `GET /socket` opens a session, and a node that drains sends its sessions away in waves."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Final

from aiohttp import web

from core.health import Health
from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.gateway.health import add_health_routes
from edge.gateway.problems import problems
from edge.socket.admission import Admission
from edge.socket.connection import CLOSE_S, Connection
from edge.socket.node import Node
from edge.socket.session import Session
from schemas import frames
from schemas.bounds import FRAME_BYTES

logger: Final = logging.getLogger("caas.socket")
PATH: Final = "/socket"
WAVES: Final = 20
SOONEST_MS: Final = 250


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

    @property
    def open(self) -> int:
        """How many there are."""
        return len(self._connections)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One socket, from its handshake to its close. Raises `HttpProblem` for one that may not be opened now."""
        if self._draining:
            raise web.HTTPServiceUnavailable(text="this node goes away: ask the next one")
        self._admission.check(request, self.open)
        ws = web.WebSocketResponse(
            timeout=CLOSE_S,
            heartbeat=self._settings.heartbeat_ms / 1000,
            protocols=(frames.SUBPROTOCOL,),
            compress=False,
            max_msg_size=FRAME_BYTES + 1,
            decode_text=False,
        )
        await ws.prepare(request)
        transport = request.transport
        if transport is None:
            return ws
        session = Session(self._new_id)
        connection = Connection(
            self._node,
            self._tokens,
            self._settings,
            self._admission,
            ws=ws,
            transport=transport,
            session=session,
        )
        self._connections.add(connection)
        try:
            if ws.ws_protocol is None and "Sec-WebSocket-Protocol" in request.headers:
                await connection.close_and_wait("bad_protocol")
            else:
                await connection.run(_bearer(request))
        finally:
            self._connections.discard(connection)
        return ws

    async def drain(self) -> None:
        """Not ready; no new sockets; say going-away; finish what was asked; close in waves.

        It takes at most `drain_ms` and a second for the last wave's closes. A second call does nothing.
        """
        if self._draining:
            return
        self._draining = True
        self._health.waits("draining", "this node goes away")
        connections = list(self._connections)
        logger.info("draining %d sockets", len(connections))
        step_s = self._settings.drain_ms / 1000 / WAVES
        size = -(-len(connections) // WAVES) or 1
        async with asyncio.TaskGroup() as waves:
            for wave, start in enumerate(range(0, len(connections), size)):
                for connection in connections[start : start + size]:
                    waves.create_task(self._send_away(connection, (wave + 1) * step_s), name="send away")

    async def _send_away(self, connection: Connection, within_s: float) -> None:
        """Wait for its commands as long as its wave allows, at least a moment; it closes with its wave."""
        loop = asyncio.get_running_loop()
        closes_at = loop.time() + within_s
        spread = max(self._settings.drain_ms, SOONEST_MS)
        leaving = connection.leave(SOONEST_MS + secrets.randbelow(spread))
        try:
            async with asyncio.timeout(self._settings.drain_ms / 1000):
                await leaving
        except TimeoutError:
            self._health.count("drained_unanswered")
        await asyncio.sleep(max(0.0, closes_at - loop.time()))
        await connection.close_and_wait("draining")


def _bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def add_routes(app: web.Application, sockets: Sockets) -> None:
    """Serve the sockets at `/socket`; a stopping server drains them."""

    async def drain(_: web.Application) -> None:
        await sockets.drain()

    app.router.add_get(PATH, sockets.handle)
    app.on_shutdown.append(drain)


def socket_app(sockets: Sockets, health: Health) -> web.Application:
    """The socket service alone, with its health."""
    app = web.Application(middlewares=[problems])
    add_routes(app, sockets)
    add_health_routes(app, health)
    return app
