"""A line is shown another token before the one at hand expires, so that it need not be left."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

import aiohttp

from . import wire
from .nodes import Nodes
from .tokens import FRESH, TokenRefused
from .wire import Event, Frame

PREFIX: Final = "auth-"
SHORTEST_S: Final = 1.0

logger: Final = logging.getLogger("caas.client")


class TokenRenewal:
    """Asks through `send` for a token of `nodes` to be taken, once that of the line has lived most of its time. Where
    none is to be had or the node refuses it, it is tried again until the line ends with its token.
    """

    def __init__(self, nodes: Nodes, send: Callable[[bytes], None]) -> None:
        self._nodes = nodes
        self._send = send
        self._asks = 0
        self._expires_at = 0.0

    def granted(self, expires_in: int) -> None:
        """The token of the line at hand is good for so many seconds from now on."""
        self._expires_at = time.monotonic() + expires_in

    async def keep(self, hello: dict[str, object]) -> None:
        """Renew the token of the line that said this, until cancelled. Returns where that cannot be done."""
        expires_in = hello.get("expires_in")
        if not isinstance(expires_in, int) or not self._nodes.renews:
            return
        self.granted(expires_in)
        while True:
            await asyncio.sleep(max(SHORTEST_S, (self._expires_at - time.monotonic()) * FRESH))
            try:
                token = await self._nodes.token()
            except (TokenRefused, aiohttp.ClientError, OSError) as error:
                logger.info("no token to keep the line with: %s", error)
                continue
            self._asks += 1
            self._send(wire.ask(f"{PREFIX}{self._asks}", "auth", {"token": token}))

    def answered(self, frame: Frame) -> Iterable[Event] | None:
        """Nothing to show; None where this frame answers something else."""
        if not isinstance(frame.id, str) or not frame.id.startswith(PREFIX):
            return None
        if frame.error is None:
            self.granted(frame.data["expires_in"])
        else:
            logger.info("another token is refused: %s", frame.error.detail)
        return ()
