"""The nodes of one user's lines, tried in turn, and the token that each is shown."""

import logging
from collections.abc import Sequence
from typing import Final

import aiohttp

from . import wire
from .connection import NEVER, Connection, opened
from .tokens import NO_ANSWER, TokenRefused, TokenSource
from .wire import Closed, Refused

EXPIRED: Final = 4401

logger: Final = logging.getLogger("caas.client")


class Nodes:
    """The nodes at `urls`; `token` is a token or where tokens come from."""

    def __init__(self, urls: str | Sequence[str], token: str | TokenSource) -> None:
        self._urls = [urls] if isinstance(urls, str) else list(urls)
        self._token = token
        self._tries = 0
        self._down: dict[str, str] = {}
        self._met = False

    @property
    def renews(self) -> bool:
        """Whether there may be another token than the first."""
        return not isinstance(self._token, str)

    async def token(self) -> str:
        """A token that is good now. Raises as its source does."""
        return self._token if isinstance(self._token, str) else await self._token()

    async def open(self, session: aiohttp.ClientSession) -> Connection:
        """A line to the next node. Raises `Closed` and `Refused`."""
        url = self._urls[self._tries % len(self._urls)]
        self._tries += 1
        try:
            token = await self.token()
        except TokenRefused as refusal:
            if refusal.status < 500:
                raise Refused(refusal.status, str(refusal)) from refusal
            raise Closed(None) from refusal
        except NO_ANSWER as error:
            logger.info("no token: %s", error)
            raise Closed(None) from error
        try:
            connection = await self._opened(session, url, token)
        except Closed as closed:
            if self._comes_back(closed.code):
                self._failed(url, str(closed.__cause__ or closed))
            raise
        if self._down.pop(url, None) is not None:
            logger.info("there is a line to %s again", url)
        return connection

    async def _opened(self, session: aiohttp.ClientSession, url: str, token: str) -> Connection:
        """A line to this node. Once a node has said hello, an HTTP status is from somebody in a node's place, a proxy
        or another server, and the node is to come back.
        """
        try:
            connection = await opened(session, url, token)
        except Refused as refusal:
            if self._met and refusal.close_code in NEVER:
                raise Closed(None) from refusal
            raise
        self._met = True
        return connection

    def _failed(self, url: str, why: str) -> None:
        """Log it: at INFO, and at DEBUG as long as the same is wrong with this node."""
        again = self._down.get(url) == why
        self._down[url] = why
        logger.log(logging.DEBUG if again else logging.INFO, "no line to %s, it is tried again: %s", url, why)

    def come_back(self, closed: Closed) -> None:
        """Raises `Refused` where no line will come after one that ended so."""
        if not self._comes_back(closed.code):
            raise Refused(closed.code or 0, wire.meaning(closed.code or 0))

    def _comes_back(self, code: int | None) -> bool:
        return wire.comes_back(code) and (code != EXPIRED or self.renews)
