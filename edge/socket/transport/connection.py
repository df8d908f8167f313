"""Connection serves one WebSocket: it identifies the user, passes on the frames in order, and closes.

A failure in one connection affects no other.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from aiohttp import WSMsgType, web

from core.audit.actor_context import text_of
from core.identity import Identity
from core.outages import REPEATS
from core.ports.memberships import NotReady
from core.rate_limit import TokenBucket
from core.settings import Settings
from edge.auth.tokens import NotAuthorized, Tokens
from edge.http.connection import HttpConnection
from edge.http.websocket_framing import Refused
from edge.socket.channels.jobs import NodeEnded
from edge.socket.node import Node
from edge.socket.session.client_session import ClientSession
from edge.socket.session.protocol import Authenticate, Close, SendFrame, SessionProtocol, State
from edge.socket.transport.admission import Admission
from edge.socket.transport.incoming import Incoming
from edge.socket.transport.outbox import LOW_BYTES, Outbox, TooSlow
from schemas.bounds import FrameId
from schemas.wire import frames
from schemas.wire.answers import Authenticated
from schemas.wire.errors import CLOSES, problem

logger: Final = logging.getLogger("caas.socket")
CLOSE_TIMEOUT_S: Final = 1.0


class Connection:
    """One socket from its credentials to its close; `over` is set when it has ended."""

    def __init__(
        self,
        node: Node,
        tokens: Tokens,
        settings: Settings,
        admission: Admission,
        *,
        ws: web.WebSocketResponse[bool],
        transport: asyncio.Transport,
        session: SessionProtocol,
        http_connection: HttpConnection,
        identified: Callable[[], object],
        agent: str = "",
    ) -> None:
        """`http_connection` is its TCP connection, with the deadline for the credentials; `identified` is called with
        them known; `agent` is the user agent of its handshake.
        """
        self.client: ClientSession | None = None
        self.over = asyncio.Event()
        self._node = node
        self._tokens = tokens
        self._settings = settings
        self._admission = admission
        self._share = http_connection.share
        self._ws = ws
        self._transport = transport
        self._session = session
        self._actor_context = text_of(session.id, http_connection.client, agent)
        self._outbox = Outbox(transport, settings.outbox_bytes, self._overflows)
        self._incoming = Incoming(ws, self._outbox)
        self._http_connection = http_connection
        self._identified = identified
        self._closing: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._login: Authenticate | None = None
        self._held: Identity | None = None

    async def run(self, bearer: str | None) -> None:
        """Serve it until its close; `bearer` is the token of its `Authorization` header, if it has one."""
        try:
            identity = await self._identity(bearer)
            if identity is not None:
                self._identified()
                await self._enter(identity)
        except NotReady as error:
            logger.warning("a session cannot be opened: %s", error, extra=REPEATS | self._log_fields)
            self.close("internal")
        except NodeEnded:
            self.close("going_away")
        except Exception:
            self._node.health.count("connection_failed")
            logger.exception("a connection failed", extra=self._log_fields)
            self.close("internal")
        finally:
            if self._expiry is not None:
                self._expiry.cancel()
            if self.client is not None:
                self._node.disconnect(self.client)
            self._session.mark_closed()
            if self._closing is not None:
                await asyncio.wait([self._closing])
            self.over.set()

    @property
    def _log_fields(self) -> dict[str, str]:
        return {"session": self._session.id, "correlation_id": self._session.origin.correlation_id}

    def release(self) -> None:
        """Drop all references to it after its end, so that nothing is left for the garbage collector."""
        self._outbox.shut()
        self._http_connection.refuses = None
        self.client = self._closing = self._expiry = None
        if (error := self._ws.exception()) is not None:
            error.__traceback__ = error.__context__ = None

    def close(self, name: str) -> None:
        """Close with the code of this name, once; earlier frames are written before."""
        if self._closing is None:
            self._session.mark_closed()
            self._closing = asyncio.create_task(self._close(name), name=f"close {self._session.id}")

    def goes_away(self, reconnect_after_ms: int) -> None:
        """Send that the node goes away, and answer what waits for other users. It is served as before until `leave`."""
        self._outbox.send(frames.going_away(reconnect_after_ms))
        if self.client is not None:
            self._node.flush(self.client)

    async def leave(self) -> None:
        """Take no more commands, and return when all have been answered."""
        self._session.mark_draining()
        if self.client is not None:
            self._node.flush(self.client)
            await self.client.at_most(0)

    async def close_and_wait(self, name: str) -> None:
        """Close, and return when it is closed."""
        self.close(name)
        if self._closing is not None:
            await asyncio.wait([self._closing])

    # Authentication

    async def _identity(self, bearer: str | None) -> Identity | None:
        """Return the user, from the header or the first frame; None if the login was refused."""
        if bearer is not None:
            return self._verified(bearer)
        try:
            async with asyncio.timeout_at(self._http_connection.request_by):  # pings do not put it off
                message = await self._incoming.next()
        except TimeoutError:
            self._act(self._session.refused("unauthorized", f"no auth within {self._settings.login_ms} ms"))
            return None
        if message.type is WSMsgType.BINARY:
            self._act(self._session.binary_received())
        elif message.type is WSMsgType.TEXT:
            for action in self._session.received(message.data):
                if isinstance(action, Authenticate):
                    self._login = action
                    return self._verified(action.token)
                self._act((action,))
        return None

    def _verified(self, token: str) -> Identity | None:
        try:
            return self._tokens.verify(token)
        except NotAuthorized as rejection:
            self._node.health.count("logins_refused")
            self._node.audit.login_refused(rejection.code, self._http_connection.client)
            if rejection.code == "token_expired":  # its user is known
                self._identified()
            self._act(self._session.refused(rejection.code, rejection.detail, *self._login_ids()))
            return None

    def _login_ids(self) -> tuple[FrameId, str | None]:
        """Return the id and correlation id of the `auth` frame; a token in a header has neither."""
        return (None, None) if self._login is None else (self._login.frame_id, self._login.correlation_id)

    def _act(self, actions: tuple[object, ...]) -> None:
        for action in actions:
            if isinstance(action, SendFrame):
                self._outbox.send(action.frame)
            elif isinstance(action, Close):
                self.close(action.name)

    async def _enter(self, identity: Identity) -> None:
        """Serve a user who is within the limits of connections and requests."""
        if not self._admission.add_connection(identity):
            self.close("connection_limit")
            return
        try:
            rejection = await self._node.quotas.entry(identity)
            if rejection is None:
                await self._serve(identity)
            else:
                frame_id, correlation_id = self._login_ids()
                self._outbox.send(frames.error(frame_id, rejection, correlation_id))
                self.close("rate_limited")
        finally:
            self._admission.remove_connection(identity)

    # Frames

    async def _serve(self, identity: Identity) -> None:
        self.client = await self._node.connect(
            identity,
            self._outbox.send,
            push=self._outbox.push,
            ready=self._ready,
            close=self.close,
            renew=self._renew,
            share=partial(self._share.take, identity.key),
            session=self._session,
            actor_context=self._actor_context,
        )
        self._held = identity
        self._expires(identity, self._login)
        await self._read(self.client)

    def _renew(self, login: Authenticate) -> None:
        """Replace the token by another of the same user; if that one is refused, the old one stays."""
        try:
            identity = self._tokens.verify(login.token, self._held)
        except NotAuthorized as rejection:
            self._node.health.count("renewals_refused")
            refused = problem(rejection.code, rejection.detail)
            self._outbox.send(frames.error(login.frame_id, refused, login.correlation_id))
        else:
            if self.client is not None:
                self.client.identity = identity
            self._expires(identity, login)

    def _expires(self, identity: Identity, login: Authenticate | None) -> None:
        """Close when this token has expired, and answer the frame that carried it, if one did."""
        if login is not None:
            entered = Authenticated(user_id=identity.user_id, expires_in=identity.expires_in())
            self._outbox.send(frames.ack(login.frame_id, entered, login.correlation_id))
        if self._expiry is not None:
            self._expiry.cancel()
        remains = max(0.0, identity.expires_at - time.time())
        self._expiry = asyncio.get_running_loop().call_later(remains, self.close, "token_expired")

    async def _read(self, client: ClientSession) -> None:
        loop, user = asyncio.get_running_loop(), client.identity.key
        bucket = TokenBucket(self._node.pace, loop.time())
        while self._session.state is not State.CLOSED:
            message = await self._incoming.next()
            if message.type is WSMsgType.TEXT:
                if pause := bucket.take(loop.time()):
                    await asyncio.sleep(pause)
                if self._outbox.waiting > LOW_BYTES:
                    await self._ready()
                await self._share.take(user, self._node.receive(client, message.data))
            elif message.type is WSMsgType.BINARY:
                self._act(self._session.binary_received())
            else:
                return

    async def _ready(self) -> None:
        """Return when the client has read most of what was written; if it does not in time, it is closed."""
        try:
            await self._outbox.low(self._settings.slow_consumer_ms / 1000)
        except TooSlow:
            self._outbox.shut()
            self._overflows()

    # End

    def _overflows(self) -> None:
        self._node.health.count("slow_consumers")
        self.close("slow_consumer")

    def hang_up(self, refused: Refused) -> None:
        """Close, and read no more from a peer that floods or is no WebSocket client."""
        self._node.health.count(refused.counted)
        self._session.mark_closed()
        self._outbox.flush()
        self._outbox.shut()
        if self._closing is None and not self._transport.is_closing():
            payload = refused.code.to_bytes(2, "big") + refused.reason.encode()
            self._transport.write(bytes((0x88, len(payload))) + payload)
            self._http_connection.hang_up()

    async def _close(self, name: str) -> None:
        close = CLOSES[name]
        try:
            self._outbox.flush()
            self._outbox.shut()
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._ws.close(code=close.code, message=close.name.encode())
        except TimeoutError:
            self._transport.abort()
        except (ConnectionError, RuntimeError) as error:
            logger.debug("a socket was gone before it was closed: %s", error)
