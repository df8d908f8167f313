"""Reads the messages of one socket: control frames and fragments have a pace, and other sockets get their turn."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiohttp import WSMsgType, web
from aiohttp.http import WSMessageDecodeText, WSMessageNoDecodeText

from core.pace import Bucket, Pace
from edge.socket.outbox import LOW_BYTES, Outbox
from schemas.bounds import FRAME_BYTES

CONTROL_PACE: Final = Pace(per_s=10, burst=100)
"""Pings and pongs that one socket may send: a client pings every few seconds."""
TURN: Final = 16
"""Maximum number of messages that are read before other sockets get their turn."""
UNREAD_BYTES: Final = FRAME_BYTES + 65_536
"""Maximum size of what has come and is no message yet: one message, and the headers of its fragments."""
UNREAD_BYTES_PER_S: Final = 16_384
"""Pace of the headers of fragments, beside one header of each message."""
QUEUED_BYTES: Final = 2_097_152
"""As above while no message is waited for: the library queues 512 kB and a message before it stops reading."""
HEADER_BYTES: Final = 14
"""Maximum size of a frame's header."""
SIZED: Final = frozenset({WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG})

logger: Final = logging.getLogger("caas.socket")


class Incoming:
    """The messages of a socket that was opened with `autoping=False`: pings are answered here.

    `floods` is called, once, with what is counted: more control frames came than `CONTROL_PACE` allows, or much more
    than was read of it as messages, for the library joins fragments by itself, however many and empty they are.
    """

    __slots__ = ("_at", "_bucket", "_flooded", "_floods", "_loop", "_outbox", "_read", "_unread", "_waits", "_ws")

    def __init__(self, ws: web.WebSocketResponse[bool], outbox: Outbox, floods: Callable[[str], None]) -> None:
        self._ws = ws
        self._outbox = outbox
        self._floods = floods
        self._loop = asyncio.get_running_loop()
        self._at = self._loop.time()
        self._bucket = Bucket(CONTROL_PACE, self._at)
        self._read = 0
        self._unread = 0.0
        self._flooded = False
        self._waits = False

    def received(self, size: int) -> None:
        """So many bytes have come, and the library has made messages of what it can."""
        now = self._loop.time()
        self._unread = max(0.0, self._unread - (now - self._at) * UNREAD_BYTES_PER_S) + size
        self._at = now
        if self._unread > UNREAD_BYTES:
            self._loop.call_soon(self._judge)  # behind whoever waits for a message that has come

    def _judge(self) -> None:
        if self._unread > (UNREAD_BYTES if self._waits else QUEUED_BYTES):
            self._floods_once("fragment_floods")

    def _floods_once(self, what: str) -> None:
        if not self._flooded:
            self._flooded = True
            self._floods(what)

    async def next(self) -> WSMessageDecodeText | WSMessageNoDecodeText:
        """The next message that is neither a ping nor a pong."""
        while True:
            message = await self._receive()
            self._read += 1
            if self._read % TURN == 0:  # what is in the buffer is read without a wait
                await asyncio.sleep(0)
            if message.type not in {WSMsgType.PING, WSMsgType.PONG}:
                return message
            if self._bucket.take(self._loop.time()):
                self._floods_once("control_floods")
            elif message.type is WSMsgType.PING and self._outbox.waiting <= LOW_BYTES:
                await self._pong(message.data)

    async def _pong(self, data: bytes) -> None:
        try:
            await self._ws.pong(data)
        except (ConnectionError, RuntimeError) as error:  # it is gone, which the next message says
            logger.debug("a socket was gone before its ping was answered: %s", error)

    async def _receive(self) -> WSMessageDecodeText | WSMessageNoDecodeText:
        self._waits = True
        try:
            message = await self._ws.receive()
        finally:
            self._waits = False
        if message.type in SIZED:
            self._unread = max(0.0, self._unread - len(message.data) - HEADER_BYTES)
        return message
