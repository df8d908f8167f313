"""HttpConnection sets deadlines for one TCP connection: requests must arrive and answers be taken in time, or it is
cut.

The deadline of a request begins when the connection is accepted, for a later request with its first byte. Only the body
extends it, by a second for every `BYTES_PER_S`. A WebSocket has deadlines of its own.
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
"""Minimum rate at which the body of a request arrives, and a large answer is taken."""
ANSWER_TIMEOUT_S: Final = 60.0
"""Maximum time until an answer is computed and taken."""
IDLE_TIMEOUT_S: Final = 75.0
"""Maximum time from an answer to the next request: longer than proxies keep a connection for another use."""
CLOSE_TIMEOUT_S: Final = 10.0
"""Maximum time that a peer has to take the rest of the answer before the close."""
HANG_UP_TIMEOUT_S: Final = 1.0
"""Maximum time that a peer has to close its side after `hang_up`."""
MAX_DISCARDED_BYTES: Final = 1_048_576
"""Maximum number of bytes that are read from such a peer and discarded."""
MAX_LOGGED_CHARACTERS: Final = 200
"""Maximum number of characters of a malformed request that are logged."""
FULL: Final = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ConnectionLimits:
    """The limits that all connections of one server share, and the counters of refusals."""

    def __init__(
        self, settings: Settings, health: Health, *, answer_s: float = ANSWER_TIMEOUT_S, idle_s: float = IDLE_TIMEOUT_S
    ) -> None:
        self.health = health
        self.answer_s = answer_s
        self.idle_s = idle_s
        self.request_s = settings.login_ms / 1000
        self.share = FairShare(health)
        self._proxies = networks(settings.trusted_proxies)
        self._unidentified = UnidentifiedConnections(
            settings.unauthenticated_per_address, settings.unauthenticated_connections
        )

    def admit(self, transport: asyncio.BaseTransport) -> tuple[bool, UnidentifiedConnection | None]:
        """Return whether this connection may wait for a request, and its place; a proxy of ours takes none."""
        peer = (transport.get_extra_info("peername") or ("",))[0]
        if is_within(peer, self._proxies):
            return True, None
        place = self._unidentified.enter(client_of(peer, "", ()))
        return place is not None, place

    def client_of(self, request: web.Request) -> str:
        """Return the client address of this request, behind our proxies."""
        return client_of(request.remote, request.headers.get("X-Forwarded-For", ""), self._proxies)

    def malformed(self, peer: object, why: object) -> None:
        """Count bytes that are no HTTP, and log them in one short line without a traceback."""
        self.health.count("malformed_requests")
        words = " ".join(f"{peer}: {why}".split())
        logger.warning("a request was malformed: %s", words[:MAX_LOGGED_CHARACTERS], extra=REPEATS)


class HttpConnection(web.RequestHandler):
    """A connection of this server; its requests pass to the application by `track_requests`."""

    __slots__ = (
        "_body",
        "_deadline",
        "_discarded",
        "_hung_up",
        "_idle",
        "_late_counter",
        "_limits",
        "_peer",
        "_place",
        "_timer",
        "_unsent",
        "client",
        "refuses",
        "request_by",
    )

    def __init__(self, server: web.Server, limits: ConnectionLimits) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), access_log=None)  # type: ignore[arg-type]
        self._limits = limits
        self._place: UnidentifiedConnection | None = None
        self._peer: asyncio.Transport | None = None
        self._body: StreamReader | None = None
        self._idle = False
        self._hung_up = False
        self._discarded = 0
        self._late_counter = ""
        self._deadline = 0.0
        self._unsent = 0
        self._timer: asyncio.TimerHandle | None = None
        self.request_by = 0.0
        """The loop's time by which the current request must have arrived."""
        self.client = ""
        """The client address of the current request, behind our proxies."""
        self.refuses: Callable[[Refused], None] | None = None
        """Called once, if a WebSocket sends frames that are refused."""

    @property
    def share(self) -> FairShare:
        """The share of this server's loop among its users."""
        return self._limits.share

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the deadline of the first request; refuse the connection if too many of its address wait."""
        super().connection_made(transport)
        self._peer = self.transport
        admitted, self._place = self._limits.admit(transport)
        self._set_deadline(self._limits.request_s, "slow_requests")
        if not admitted:
            self._limits.health.count("waiting_refused")
            if self._peer is not None:
                self._peer.write(FULL)
            self._set_deadline(CLOSE_TIMEOUT_S, "")
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Release its deadline and its place."""
        self._release()
        self._peer = self.refuses = None
        super().connection_lost(exc)
        self._data_received_cb = None  # aiohttp keeps it, and by it a reference cycle with the WebSocket

    def data_received(self, data: bytes) -> None:
        """Pass bytes on; only those of a body extend the deadline."""
        if self._hung_up:
            self._discard(len(data))
            return
        if data and self._idle:
            self._idle = False
            self._set_deadline(self._limits.request_s, "slow_requests")
        elif self._body is not None:
            self._deadline += len(data) / BYTES_PER_S
        super().data_received(data)
        if self._body is not None and self._body.is_eof():
            self._request_complete()

    def hang_up(self) -> None:
        """Write nothing more, and discard what comes until the peer has closed too or its time is over.

        A close with unread bytes is a reset, by which the peer may lose what was written last. A peer that goes on
        flooding is not read to the end.
        """
        self._hung_up = True
        if self._peer is not None:
            self._set_deadline(HANG_UP_TIMEOUT_S, "")
            if self._peer.can_write_eof():
                self._peer.write_eof()
            self._peer.resume_reading()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > MAX_DISCARDED_BYTES and self._peer is not None:
            self._peer.pause_reading()

    def pause_writing(self) -> None:
        """Note how much the peer has not taken."""
        super().pause_writing()
        self._unsent = self._buffered_bytes()

    def resume_writing(self) -> None:
        """Restart the deadline for the rest: the peer took most of what was written."""
        super().resume_writing()
        if self._timer is not None:
            self._deadline = self._loop.time() + self._limits.answer_s

    def request_begun(self, request: web.Request) -> None:
        """Note a request whose header has arrived, with a part of its body or all."""
        body, self.client = request.content, self._limits.client_of(request)
        if self._idle:  # it arrived with the one before
            self._idle = False
            self._set_deadline(self._limits.request_s, "slow_requests")
        self.request_by, self._body = self._deadline, body
        if body.is_eof():
            self._request_complete()

    def set_parser(self, parser: WebSocketReader, data_received_cb: Callable[[], None] | None = None) -> None:
        """Become a WebSocket, without a deadline here."""
        self._release()
        guarded = parser if self.refuses is None else Framing(parser, self.refuses)
        super().set_parser(guarded, data_received_cb)  # type: ignore[arg-type]  # only its feed methods are used

    def log_access(self, request: web.BaseRequest, response: web.StreamResponse, time: float | None) -> None:  # noqa: ARG002 - aiohttp's hook
        """Wait for another request after an answer, if there is a place for it."""
        self._body = None
        if not response.keep_alive:
            self._set_deadline(CLOSE_TIMEOUT_S, "slow_answers")
            return
        if self._place is None and self._peer is not None:
            admitted, self._place = self._limits.admit(self._peer)
            if not admitted:
                self.close()
        self._idle = True
        self._set_deadline(self._limits.idle_s, "")

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer a malformed request without its contents, and end the connection."""
        if status >= 500:
            return super().handle_error(request, status, exc, message)
        self._limits.malformed(request.remote, exc)
        if exc is not None:
            exc.__traceback__ = None  # its frames hold the connection, which holds it
        response = web.Response(status=status, text="this is no HTTP/1.1 request")
        response.force_close()
        return response

    def _request_complete(self) -> None:
        self._body = None
        if self._place is not None:
            self._place.leave()
            self._place = None
        self._set_deadline(self._limits.answer_s, "slow_answers")

    def _set_deadline(self, seconds: float, counter: str) -> None:
        """Set a new deadline; `counter` is incremented if it is missed."""
        if self._peer is None:  # it is over
            return
        self._deadline, self._late_counter = self._loop.time() + seconds, counter
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._check_deadline)

    def _check_deadline(self) -> None:
        taken, self._unsent = self._unsent - self._buffered_bytes(), self._buffered_bytes()
        if self._late_counter == "slow_answers" and taken > BYTES_PER_S * self._limits.answer_s:
            self._deadline = self._loop.time() + self._limits.answer_s
        if self._deadline > self._loop.time():
            self._timer = self._loop.call_at(self._deadline, self._check_deadline)
            return
        self._timer = None
        if self._late_counter:
            self._limits.health.count(self._late_counter)
        if self._peer is not None:
            self._peer.abort()

    def _buffered_bytes(self) -> int:
        return 0 if self._peer is None else self._peer.get_write_buffer_size()

    def _release(self) -> None:
        """Cancel the deadline and give back the place."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._place is not None:
            self._place.leave()
            self._place = None


def connection_of(request: web.Request) -> HttpConnection:
    """Return the connection of a request. Raises `TypeError` if the application is not `served`."""
    if not isinstance(request.protocol, HttpConnection):
        raise TypeError(f"{type(request.protocol).__name__} has no deadlines")
    return request.protocol


def client_address(request: web.Request) -> str | None:
    """Return the client address of a request, behind our proxies; without deadlines that of its connection."""
    return request.protocol.client if isinstance(request.protocol, HttpConnection) else request.remote


@web.middleware
async def track_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Report the request to its connection, and wait for its turn in the fair share."""
    connection = connection_of(request)
    connection.request_begun(request)
    await connection.share.request(f"address {connection.client}")
    return await handler(request)
