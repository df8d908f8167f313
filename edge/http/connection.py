"""One TCP connection of an HTTP server: it must bring whole requests in time and take its answers, or it is cut.

The deadline of a request begins when the connection is accepted, for a later request of it with its first byte, and
nothing that comes puts it off but the body itself, by a second for every `BYTES_PER_S`. A WebSocket has deadlines
of its own.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import StreamReader, web
from aiohttp.http import WebSocketReader

from core.health import Health
from core.outages import REPEATS
from core.settings import Settings, is_within, networks
from edge.http.addresses import client_of
from edge.http.fair_share import FairShare
from edge.http.unidentified import UnidentifiedConnection, UnidentifiedConnections
from edge.http.websocket_framing import Framing, Refused

logger: Final = logging.getLogger("caas.http")
BYTES_PER_S: Final = 500
"""Minimum pace at which the body of a request comes, and a large answer is taken."""
ANSWER_S: Final = 60.0
"""Maximum time until an answer is made and taken."""
IDLE_S: Final = 75.0
"""Maximum time from an answer to the next request: longer than proxies keep a connection for another use."""
CLOSING_S: Final = 10.0
"""Maximum time that a peer has to take the rest of what was written before the close."""
HANG_UP_S: Final = 1.0
"""Maximum time that a peer that was hung up on has to close too."""
DISCARDED_BYTES: Final = 1_048_576
"""Maximum size of what is read of such a peer and falls."""
SHOWN: Final = 200
"""Maximum number of characters of a malformed request that are logged."""
FULL: Final = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ConnectionLimits:
    """What all connections of one server share: their limits, and where what was refused is counted."""

    def __init__(
        self, settings: Settings, health: Health, *, answer_s: float = ANSWER_S, idle_s: float = IDLE_S
    ) -> None:
        self.health = health
        self.answer_s = answer_s
        self.idle_s = idle_s
        self.request_s = settings.login_ms / 1000
        self.share = FairShare(health)
        self._proxies = networks(settings.trusted_proxies)
        self._guests = UnidentifiedConnections(
            settings.unauthenticated_per_address, settings.unauthenticated_connections
        )

    def enters(self, transport: asyncio.BaseTransport) -> tuple[bool, UnidentifiedConnection | None]:
        """Whether this connection may wait for a request, and the place that it takes: a proxy of ours takes none."""
        peer = (transport.get_extra_info("peername") or ("",))[0]
        if is_within(peer, self._proxies):
            return True, None
        guest = self._guests.enter(client_of(peer, "", ()))
        return guest is not None, guest

    def client_of(self, request: web.Request) -> str:
        """The address that this request came from, by way of our proxies."""
        return client_of(request.remote, request.headers.get("X-Forwarded-For", ""), self._proxies)

    def malformed(self, peer: object, why: object) -> None:
        """Somebody sent what is no HTTP: it is counted, and logged in one short line without a traceback."""
        self.health.count("malformed_requests")
        words = " ".join(f"{peer}: {why}".split())
        logger.warning("a request was malformed: %s", words[:SHOWN], extra=REPEATS)


class HttpConnection(web.RequestHandler):
    """A connection of this server, which lets its requests through to the application by way of `begins`."""

    __slots__ = (
        "_body",
        "_by",
        "_discarded",
        "_door",
        "_guest",
        "_hung_up",
        "_idle",
        "_late",
        "_peer",
        "_timer",
        "_unsent",
        "client",
        "refuses",
        "request_by",
    )

    def __init__(self, server: web.Server, door: ConnectionLimits) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), access_log=None)  # type: ignore[arg-type]
        self._door = door
        self._guest: UnidentifiedConnection | None = None
        self._peer: asyncio.Transport | None = None
        self._body: StreamReader | None = None
        self._idle = False
        self._hung_up = False
        self._discarded = 0
        self._late = ""
        self._by = 0.0
        self._unsent = 0
        self._timer: asyncio.TimerHandle | None = None
        self.request_by = 0.0
        """The time of the loop by which the request at hand must have come."""
        self.client = ""
        """The address that the request at hand came from, by way of our proxies."""
        self.refuses: Callable[[Refused], None] | None = None
        """Called, once, where a WebSocket sends what is not read."""

    @property
    def share(self) -> FairShare:
        """The share in this server's loop that everybody has who is served."""
        return self._door.share

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It may wait for its request where its address has not too many that do."""
        super().connection_made(transport)
        self._peer = self.transport
        enters, self._guest = self._door.enters(transport)
        self._within(self._door.request_s, "slow_requests")
        if not enters:
            self._door.health.count("waiting_refused")
            if self._peer is not None:
                self._peer.write(FULL)
            self._within(CLOSING_S, "")
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is over."""
        self._forget()
        self._peer = self.refuses = None
        super().connection_lost(exc)
        self._data_received_cb = None  # aiohttp leaves it, and by it a circle with the WebSocket

    def data_received(self, data: bytes) -> None:
        """What comes of a body puts the deadline off, nothing else does."""
        if self._hung_up:
            self._discards(len(data))
            return
        if data and self._idle:
            self._idle = False
            self._within(self._door.request_s, "slow_requests")
        elif self._body is not None:
            self._by += len(data) / BYTES_PER_S
        super().data_received(data)
        if self._body is not None and self._body.is_eof():
            self._is_whole()

    def hang_up(self) -> None:
        """Write nothing more, and let what comes fall until the peer has closed too, or its time is over.

        A close with bytes that nobody read is a reset, by which the peer may lose what was written to it last. Who goes
        on to flood is not read to the end.
        """
        self._hung_up = True
        if self._peer is not None:
            self._within(HANG_UP_S, "")
            if self._peer.can_write_eof():
                self._peer.write_eof()
            self._peer.resume_reading()

    def _discards(self, size: int) -> None:
        self._discarded += size
        if self._discarded > DISCARDED_BYTES and self._peer is not None:
            self._peer.pause_reading()

    def pause_writing(self) -> None:
        """More was written than the peer has taken."""
        super().pause_writing()
        self._unsent = self._waits_to_be_taken()

    def resume_writing(self) -> None:
        """The peer took most of what was written: it has its time again for the rest."""
        super().resume_writing()
        if self._timer is not None:
            self._by = self._loop.time() + self._door.answer_s

    def begins(self, request: web.Request) -> None:
        """The header of a request has come, and with it a part of its body or all."""
        body, self.client = request.content, self._door.client_of(request)
        if self._idle:  # it came with the one before
            self._idle = False
            self._within(self._door.request_s, "slow_requests")
        self.request_by, self._body = self._by, body
        if body.is_eof():
            self._is_whole()

    def set_parser(self, parser: WebSocketReader, data_received_cb: Callable[[], None] | None = None) -> None:
        """It is a WebSocket from now on."""
        self._forget()
        guarded = parser if self.refuses is None else Framing(parser, self.refuses)
        super().set_parser(guarded, data_received_cb)  # type: ignore[arg-type]  # it is fed, and no more

    def log_access(self, request: web.BaseRequest, response: web.StreamResponse, time: float | None) -> None:  # noqa: ARG002 - aiohttp's hook
        """An answer was written: another request may come, where there is a place for it."""
        self._body = None
        if not response.keep_alive:
            self._within(CLOSING_S, "slow_answers")
            return
        if self._guest is None and self._peer is not None:
            enters, self._guest = self._door.enters(self._peer)
            if not enters:
                self.close()
        self._idle = True
        self._within(self._door.idle_s, "")

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """A request that cannot be read is answered without what was in it, and the connection ends."""
        if status >= 500:
            return super().handle_error(request, status, exc, message)
        self._door.malformed(request.remote, exc)
        if exc is not None:
            exc.__traceback__ = None  # its frames hold the connection, which holds it
        response = web.Response(status=status, text="this is no HTTP/1.1 request")
        response.force_close()
        return response

    def _is_whole(self) -> None:
        self._body = None
        if self._guest is not None:
            self._guest.leave()
            self._guest = None
        self._within(self._door.answer_s, "slow_answers")

    def _within(self, seconds: float, late: str) -> None:
        """A new deadline; `late` is what is counted where it is missed."""
        if self._peer is None:  # it is over
            return
        self._by, self._late = self._loop.time() + seconds, late
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._by, self._is_due)

    def _is_due(self) -> None:
        taken, self._unsent = self._unsent - self._waits_to_be_taken(), self._waits_to_be_taken()
        if self._late == "slow_answers" and taken > BYTES_PER_S * self._door.answer_s:
            self._by = self._loop.time() + self._door.answer_s
        if self._by > self._loop.time():
            self._timer = self._loop.call_at(self._by, self._is_due)
            return
        self._timer = None
        if self._late:
            self._door.health.count(self._late)
        if self._peer is not None:
            self._peer.abort()

    def _waits_to_be_taken(self) -> int:
        return 0 if self._peer is None else self._peer.get_write_buffer_size()

    def _forget(self) -> None:
        """No deadline any more, and no place."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._guest is not None:
            self._guest.leave()
            self._guest = None


def connection_of(request: web.Request) -> HttpConnection:
    """The connection that a request came on. Raises `TypeError` where the application is not `served`."""
    if not isinstance(request.protocol, HttpConnection):
        raise TypeError(f"{type(request.protocol).__name__} has no deadlines")
    return request.protocol


@web.middleware
async def begins(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell the connection that the header of a request has come, and wait for its turn."""
    connection = connection_of(request)
    connection.begins(request)
    await connection.share.request(f"address {connection.client}")
    return await handler(request)
