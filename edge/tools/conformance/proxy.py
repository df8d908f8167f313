"""Proxy relays frames between clients and a node through a `Between`, which may drop, repeat or hold them.

It is a gateway too: the tokens are the real gateway's, and the socket that it names is the proxy's own.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import aiohttp
import msgspec
from aiohttp import ClientSession, WSMsgType, web

from edge.process.listening import named
from schemas.wire.frames import SUBPROTOCOL

HOST: Final = "127.0.0.1"
TOKEN: Final = "/api/v1/auth/sdk/token"  # noqa: S105 - an address
PASSED: Final = ("X-App-Key", "X-App-Secret", "Content-Type", "X-Correlation-ID")


class Cut(Exception):
    """Aborts the line; with a `code` it is closed with that, after the `last` frames."""

    def __init__(self, code: int | None = None, last: Sequence[str] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.last = last


class Between(Protocol):
    """Handles one line's frames. Returned frames are passed on, in this order; both methods may raise `Cut`."""

    def from_client(self, text: str) -> list[str]:
        """Handle a text frame of the client."""
        ...

    def from_node(self, text: str) -> list[str]:
        """Handle a text frame of the node."""
        ...

    def closed(self) -> None:
        """Handle the end of the line."""
        ...


class Straight:
    """Passes every frame on unchanged."""

    def from_client(self, text: str) -> list[str]:
        """Return the frame unchanged."""
        return [text]

    def from_node(self, text: str) -> list[str]:
        """Return the frame unchanged."""
        return [text]

    def closed(self) -> None:
        """Do nothing."""


class Proxy:
    """Acts as gateway and node for clients; `between` creates the handler of each line."""

    def __init__(self, session: ClientSession, gateway: str, node: str, between: Callable[[], Between]) -> None:
        self._session = session
        self._gateway = gateway.rstrip("/")
        self._node = node
        self._between = between
        self.url = ""

    @property
    def socket_url(self) -> str:
        """The address that its clients connect to."""
        return f"ws{self.url.removeprefix('http')}/socket"

    def app(self) -> web.Application:
        """Return the web application."""
        found = web.Application()
        found.add_routes([web.post(TOKEN, self._token), web.get("/socket", self._socket)])
        return found

    async def _token(self, request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in PASSED if name in request.headers}
        asked = await request.read()
        async with self._session.post(f"{self._gateway}{TOKEN}", data=asked, headers=headers) as answer:
            body = await answer.read()
        if answer.status < 300:
            issued: dict[str, Any] = msgspec.json.decode(body)
            body = msgspec.json.encode({**issued, "socket_urls": [self.socket_url]})
        return web.Response(status=answer.status, body=body, content_type=answer.content_type)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        here = web.WebSocketResponse(protocols=(SUBPROTOCOL,), max_msg_size=0)
        await here.prepare(request)
        bearer = request.headers.get("Authorization")
        headers = {} if bearer is None else {"Authorization": bearer}
        asked = request.headers.get("Sec-WebSocket-Protocol", "")
        protocols = [name.strip() for name in asked.split(",") if name.strip()]
        between = self._between()
        try:
            async with self._session.ws_connect(
                self._node, headers=headers, protocols=protocols, max_msg_size=0
            ) as there:
                await self._pass(here, there, between)
        except aiohttp.ClientError:
            await here.close(code=1013)
        finally:
            between.closed()
        return here

    async def _pass(
        self, here: web.WebSocketResponse[bool], there: aiohttp.ClientWebSocketResponse, between: Between
    ) -> None:
        """Relay frames until one of the two is closed, then close the other in the same way."""
        down = asyncio.create_task(_each(there, between.from_node, here), name="proxy: from the node")
        up = asyncio.create_task(_each(here, between.from_client, there), name="proxy: from the client")
        done, _ = await asyncio.wait((down, up), return_when=asyncio.FIRST_COMPLETED)
        for task in (down, up):
            task.cancel()
        await asyncio.wait((down, up))
        cut = next((task.exception() for task in done if not task.cancelled() and task.exception()), None)
        if isinstance(cut, Cut) and cut.code is None:
            if (transport := here._req.transport if here._req is not None else None) is not None:
                transport.abort()
            return
        if not isinstance(cut, Cut):
            await here.close(code=there.close_code or 1011)
            return
        for text in cut.last:
            await here.send_str(text)
        await here.close(code=cut.code or 1011)


async def _each(source: Any, through: Callable[[str], list[str]], to: Any) -> None:
    async for message in source:
        if message.type is WSMsgType.TEXT:
            for text in through(message.data):
                await to.send_str(text)
        elif message.type is WSMsgType.BINARY:
            await to.send_bytes(message.data)


@asynccontextmanager
async def proxied(gateway: str, node: str, between: Callable[[], Between], *, port: int = 0) -> AsyncIterator[Proxy]:
    """Yield a proxy that listens on loopback. Raises `CannotListen`."""
    async with aiohttp.ClientSession() as session:
        proxy = Proxy(session, gateway, node, between)
        runner = web.AppRunner(proxy.app(), shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, port)
            with named(HOST, port, "--listen"):
                await site.start()
            proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield proxy
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                await runner.cleanup()
