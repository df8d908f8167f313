"""Incoming reads the messages of one socket, answers pings, and lets other sockets have their turn."""

import asyncio
import logging
from typing import Final

from aiohttp import WSMsgType, web
from aiohttp.http import WSMessageDecodeText, WSMessageNoDecodeText

from edge.socket.transport.outbox import LOW_BYTES, Outbox

TURN: Final = 16
"""Maximum number of messages that are read before other sockets get their turn."""

logger: Final = logging.getLogger("caas.socket")


class Incoming:
    """The messages of a socket that was opened with `autoping=False`: pings are answered here."""

    __slots__ = ("_outbox", "_read", "_ws")

    def __init__(self, ws: web.WebSocketResponse[bool], outbox: Outbox) -> None:
        self._ws = ws
        self._outbox = outbox
        self._read = 0

    async def next(self) -> WSMessageDecodeText | WSMessageNoDecodeText:
        """Return the next message that is neither a ping nor a pong."""
        while True:
            message = await self._ws.receive()
            self._read += 1
            if self._read % TURN == 0:  # what is in the buffer is read without a wait
                await asyncio.sleep(0)
            if message.type not in {WSMsgType.PING, WSMsgType.PONG}:
                return message
            if message.type is WSMsgType.PING and self._outbox.waiting <= LOW_BYTES:
                await self._pong(message.data)

    async def _pong(self, data: bytes) -> None:
        try:
            await self._ws.pong(data)
        except (ConnectionError, RuntimeError) as error:  # the next message shows that it is gone
            logger.debug("a socket was gone before its ping was answered: %s", error)
