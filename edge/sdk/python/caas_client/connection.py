"""One line to one node: a WebSocket that said hello, until it closes."""

from typing import Any, Final

import aiohttp
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from . import wire
from .language.bounds import ANSWER_BYTES
from .language.wire.frames import SUBPROTOCOL
from .wire import Closed, Frame, Refused

HEARTBEAT_S: Final = 20.0
NEVER: Final = frozenset({400, 401, 403, 404})
"""HTTP statuses of a handshake after which no line comes from there."""


class Connection:
    """A line that is open. `hello` is the data of the node's first frame."""

    def __init__(self, socket: ClientWebSocketResponse, hello: dict[str, Any]) -> None:
        self._socket = socket
        self._given_up = False
        self.hello = hello
        self._answer_limit: int = hello.get("limits", {}).get("answer", ANSWER_BYTES)

    @property
    def frame_limit(self) -> int:
        """The largest frame the node takes, in bytes."""
        limit: int = self.hello.get("limits", {}).get("frame", 65_536)
        return limit

    async def send(self, frame: bytes) -> None:
        """Write a text frame; waits while the line is full. Raises `Closed`."""
        try:
            await self._socket.send_frame(frame, WSMsgType.TEXT)
        except (aiohttp.ClientError, OSError) as error:
            raise Closed(self._socket.close_code) from error

    async def receive(self) -> Frame:
        """The next frame. Raises `Closed`."""
        try:
            return await _receive(self._socket, self._answer_limit)
        except Closed:
            if self._given_up:
                raise Closed(None) from None
            raise

    async def give_up(self) -> None:
        """Hang up on a node that is of no use: whoever receives gets that the line broke."""
        self._given_up = True
        await self._socket.close()

    async def close(self) -> None:
        """Hang up; nobody may be receiving."""
        await self._socket.close()


async def _receive(socket: ClientWebSocketResponse, answer_limit: int = ANSWER_BYTES) -> Frame:
    try:
        message = await socket.receive()
    except (aiohttp.ClientError, OSError) as error:  # it answers a ping itself, perhaps when the line has just broken
        raise Closed(socket.close_code) from error
    if message.type is WSMsgType.TEXT:
        return wire.read(message.data, answer_limit)
    if message.type is WSMsgType.BINARY:
        raise Refused(1003, "a node of this protocol sends text")
    raise Closed(socket.close_code)


async def opened(session: ClientSession, url: str, token: str) -> Connection:
    """A line to the node at `url`, which its owner closes. Raises `Closed` when there is none, `Refused` when never."""
    headers = {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientWSTimeout(ws_close=2.0)
    try:
        socket = await session.ws_connect(
            url,
            headers=headers,
            protocols=(SUBPROTOCOL,),
            heartbeat=HEARTBEAT_S,
            timeout=timeout,
            max_msg_size=0,  # by a limit of its own the line would end for good, and every call with it
        )
    except aiohttp.WSServerHandshakeError as error:
        if error.status in NEVER:
            raise Refused(error.status, error.message) from error
        raise Closed(None) from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Closed(None) from error
    try:
        return Connection(socket, await _hello(socket))
    except BaseException:
        await socket.close()
        raise


async def _hello(socket: ClientWebSocketResponse) -> dict[str, Any]:
    """The first frame's data. A node that refuses us sends an error before it closes: the code says why."""
    frame = await _receive(socket)
    while frame.type == "error":
        frame = await _receive(socket)
    if frame.type != "hello":
        raise Refused(1002, f"a node begins with hello, not with {frame.type!r}")
    hello: dict[str, Any] = frame.data
    return hello
