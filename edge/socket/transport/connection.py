"""One WebSocket: who it is, what it asks in order, and how it ends; whatever happens here touches no other."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from aiohttp import WSMsgType, web

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
from schemas.wire import frames
from schemas.wire.answers import Authenticated
from schemas.wire.errors import CLOSES, problem
from schemas.wire.request import FrameId

logger: Final = logging.getLogger("caas.socket")
CLOSE_S: Final = 1.0


class Connection:
    """The life of one socket; `over` is set when it has ended."""

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
        arriving: HttpConnection,
        identified: Callable[[], object],
    ) -> None:
        """`arriving` is what it came on, with the time by which its user must be known; `identified` is called then."""
        self.visit: ClientSession | None = None
        self.over = asyncio.Event()
        self._node = node
        self._tokens = tokens
        self._settings = settings
        self._admission = admission
        self._share = arriving.share
        self._ws = ws
        self._transport = transport
        self._session = session
        self._outbox = Outbox(transport, settings.outbox_bytes, self._overflows)
        self._incoming = Incoming(ws, self._outbox)
        self._arriving = arriving
        self._identified = identified
        self._closing: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._login: Authenticate | None = None
        self._held: Identity | None = None

    async def run(self, bearer: str | None) -> None:
        """From the credentials to the close; `bearer` is the token of its `Authorization` header, if it has one."""
        try:
            identity = await self._identity(bearer)
            if identity is not None:
                self._identified()
                await self._enter(identity)
        except NotReady as error:
            logger.warning("a session cannot come in: %s", error, extra=REPEATS)
            self.close("internal")
        except NodeEnded:
            self.close("going_away")
        except Exception:
            self._node.health.count("connection_failed")
            logger.exception("a connection failed")
            self.close("internal")
        finally:
            if self._expiry is not None:
                self._expiry.cancel()
            if self.visit is not None:
                self._node.disconnect(self.visit)
            self._session.closed()
            if self._closing is not None:
                await asyncio.wait([self._closing])
            self.over.set()

    def release(self) -> None:
        """It has ended: let go of all that holds it in turn, so that nothing is left for the collection of garbage."""
        self._outbox.shut()
        self._arriving.refuses = None
        self.visit = self._closing = self._expiry = None
        if (error := self._ws.exception()) is not None:
            error.__traceback__ = error.__context__ = None

    def close(self, name: str) -> None:
        """Close with the code of this name, once; what was sent before is written before."""
        if self._closing is None:
            self._session.closed()
            self._closing = asyncio.create_task(self._close(name), name=f"close {self._session.id}")

    def goes_away(self, reconnect_after_ms: int) -> None:
        """The node goes away: say so, and answer what waits for others. The line serves as before until `leave`."""
        self._outbox.send(frames.going_away(reconnect_after_ms))
        if self.visit is not None:
            self._node.hurry(self.visit)

    async def leave(self) -> None:
        """Take nothing more, and return when everything asked for has been answered."""
        self._session.drains()
        if self.visit is not None:
            self._node.hurry(self.visit)
            await self.visit.at_most(0)

    async def close_and_wait(self, name: str) -> None:
        """Close, and return when it is over."""
        self.close(name)
        if self._closing is not None:
            await asyncio.wait([self._closing])

    # Who it is

    async def _identity(self, bearer: str | None) -> Identity | None:
        """Who this is, from the header or the first frame; None for whoever was refused."""
        if bearer is not None:
            return self._verified(bearer)
        try:
            async with asyncio.timeout_at(self._arriving.request_by):  # pings do not put it off
                message = await self._incoming.next()
        except TimeoutError:
            self._act(self._session.refused("unauthorized", f"no auth within {self._settings.login_ms} ms"))
            return None
        if message.type is WSMsgType.BINARY:
            self._act(self._session.binary())
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
        except NotAuthorized as no:
            self._node.health.count("logins_refused")
            if no.code == "token_expired":  # whose it was is known
                self._identified()
            self._act(self._session.refused(no.code, no.detail, *self._asked_by()))
            return None

    def _asked_by(self) -> tuple[FrameId, str | None]:
        """Id and correlation id of the `auth` frame, of which a token in a header has none."""
        return (None, None) if self._login is None else (self._login.frame_id, self._login.correlation_id)

    def _act(self, actions: tuple[object, ...]) -> None:
        for action in actions:
            if isinstance(action, SendFrame):
                self._outbox.send(action.frame)
            elif isinstance(action, Close):
                self.close(action.name)

    async def _enter(self, identity: Identity) -> None:
        """Serve a user who has not too many connections, and has not just asked for too much."""
        if not self._admission.seat(identity):
            self.close("connection_limit")
            return
        try:
            no = await self._node.allowances.entry(identity)
            if no is None:
                await self._serve(identity)
            else:
                frame_id, correlation_id = self._asked_by()
                self._outbox.send(frames.error(frame_id, no, correlation_id))
                self.close("rate_limited")
        finally:
            self._admission.leave(identity)

    # What it asks

    async def _serve(self, identity: Identity) -> None:
        self.visit = await self._node.connect(
            identity,
            self._outbox.send,
            push=self._outbox.push,
            ready=self._ready,
            close=self.close,
            renew=self._renew,
            share=partial(self._share.take, identity.key),
            session=self._session,
        )
        self._held = identity
        self._expires(identity, self._login)
        await self._read(self.visit)

    def _renew(self, login: Authenticate) -> None:
        """Take another token of the same user in the place of the one at hand, which stays where that is refused."""
        try:
            identity = self._tokens.verify(login.token, self._held)
        except NotAuthorized as no:
            self._node.health.count("renewals_refused")
            self._outbox.send(frames.error(login.frame_id, problem(no.code, no.detail), login.correlation_id))
        else:
            if self.visit is not None:
                self.visit.identity = identity
            self._expires(identity, login)

    def _expires(self, identity: Identity, login: Authenticate | None) -> None:
        """Close when this token has expired, and answer the frame that brought it, where one did."""
        if login is not None:
            entered = Authenticated(user_id=identity.user_id, expires_in=identity.expires_in())
            self._outbox.send(frames.ack(login.frame_id, entered, login.correlation_id))
        if self._expiry is not None:
            self._expiry.cancel()
        remains = max(0.0, identity.expires_at - time.time())
        self._expiry = asyncio.get_running_loop().call_later(remains, self.close, "token_expired")

    async def _read(self, visit: ClientSession) -> None:
        loop, user = asyncio.get_running_loop(), visit.identity.key
        bucket = TokenBucket(self._node.pace, loop.time())
        while self._session.state is not State.CLOSED:
            message = await self._incoming.next()
            if message.type is WSMsgType.TEXT:
                if pause := bucket.take(loop.time()):
                    await asyncio.sleep(pause)
                if self._outbox.waiting > LOW_BYTES:
                    await self._ready()
                await self._share.take(user, self._node.receive(visit, message.data))
            elif message.type is WSMsgType.BINARY:
                self._act(self._session.binary())
            else:
                return

    async def _ready(self) -> None:
        """Return when the client has read most of what was written; one that does not in time is closed."""
        try:
            await self._outbox.low(self._settings.slow_consumer_ms / 1000)
        except TooSlow:
            self._outbox.shut()
            self._overflows()

    # How it ends

    def _overflows(self) -> None:
        self._node.health.count("slow_consumers")
        self.close("slow_consumer")

    def hang_up(self, refused: Refused) -> None:
        """Close, and read nothing more of a peer that floods or is no WebSocket client."""
        self._node.health.count(refused.counted)
        self._session.closed()
        self._outbox.flush()
        self._outbox.shut()
        if self._closing is None and not self._transport.is_closing():
            payload = refused.code.to_bytes(2, "big") + refused.reason.encode()
            self._transport.write(bytes((0x88, len(payload))) + payload)
            self._arriving.hang_up()

    async def _close(self, name: str) -> None:
        close = CLOSES[name]
        try:
            self._outbox.flush()
            self._outbox.shut()
            async with asyncio.timeout(CLOSE_S):
                await self._ws.close(code=close.code, message=close.name.encode())
        except TimeoutError:
            self._transport.abort()
        except (ConnectionError, RuntimeError) as error:
            logger.debug("a socket was gone before it was closed: %s", error)
