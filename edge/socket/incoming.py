"""Reads the data messages of one socket: control frames have a pace, and other sockets get their turn in between."""

import asyncio
from typing import Final

from aiohttp import WSMsgType, web
from aiohttp.http import WSMessageDecodeText, WSMessageNoDecodeText

from core.pace import Bucket, Pace
from edge.socket.outbox import LOW_BYTES, Outbox

CONTROL_PACE: Final = Pace(per_s=10, burst=100)
"""Pings and pongs that one socket may send: a client pings every few seconds."""
TURN: Final = 16
"""Maximum number of messages that are read before other sockets get their turn."""


class ControlFlood(Exception):
    """The peer sent more pings and pongs than `CONTROL_PACE` allows."""


class Incoming:
    """The messages of a socket that was opened with `autoping=False`: pings are answered here."""

    __slots__ = ("_bucket", "_loop", "_outbox", "_read", "_ws")

    def __init__(self, ws: web.WebSocketResponse[bool], outbox: Outbox) -> None:
        self._ws = ws
        self._outbox = outbox
        self._loop = asyncio.get_running_loop()
        self._bucket = Bucket(CONTROL_PACE, self._loop.time())
        self._read = 0

    async def next(self) -> WSMessageDecodeText | WSMessageNoDecodeText:
        """The next message that is neither a ping nor a pong. Raises `ControlFlood`."""
        while True:
            message = await self._ws.receive()
            self._read += 1
            if self._read % TURN == 0:  # what is in the buffer is read without a wait
                await asyncio.sleep(0)
            if message.type not in {WSMsgType.PING, WSMsgType.PONG}:
                return message
            if self._bucket.take(self._loop.time()):
                raise ControlFlood
            if message.type is WSMsgType.PING and self._outbox.waiting <= LOW_BYTES:
                await self._ws.pong(message.data)
