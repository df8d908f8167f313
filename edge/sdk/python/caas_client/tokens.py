"""Where a client's token comes from: it is asked for anew whenever the one at hand is about to expire."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import aiohttp
import msgspec
from msgspec import structs

from .backoff import Backoff
from .language.wire.errors import Problem, problem
from .wire import ChatError

TokenSource = Callable[[], Awaitable[str]]
"""Answers a token that is good now. Raises `TokenRefused` when there is none to be had."""

logger: Final = logging.getLogger("caas.client")
FRESH: Final = 0.8
TRIES: Final = 6
NO_ANSWER: Final = (
    aiohttp.ClientConnectionError,
    aiohttp.ClientPayloadError,
    aiohttp.ClientResponseError,
    TimeoutError,
)
"""What is raised where nobody answers, or something that is no answer, or a part of one."""


class Issued(msgspec.Struct, frozen=True):
    """What the gateway answers; `expires_in` in seconds."""

    token: str
    expires_in: int
    socket_urls: list[str] = []


class TokenRefused(ChatError):
    """The gateway gave no token; `status` is that of its answer."""

    def __init__(self, status: int, what: Problem) -> None:
        super().__init__(structs.replace(what, detail=f"no token: {status} {what.detail}"))
        self.status = status


class GatewayTokens:
    """Tokens from a gateway for the users of one application."""

    def __init__(self, session: aiohttp.ClientSession, url: str, app_key: str, app_secret: str) -> None:
        self._session = session
        self._url = f"{url.rstrip('/')}/api/v1/auth/sdk/token"
        self._headers = {"X-App-Key": app_key, "X-App-Secret": app_secret}

    async def issue(self, user_id: str, names: Sequence[str] = ()) -> Issued:
        """A new token for this user, who may open the application's conversations whose names begin with one of
        `names`. A gateway that is down is tried again some times. Raises `TokenRefused`.
        """
        asked = {"user_id": user_id, "names": list(names)} if names else {"user_id": user_id}
        backoff = Backoff()
        while True:
            try:
                return await self._issue(asked)
            except NO_ANSWER as error:
                if backoff.failures >= TRIES:
                    raise
                if backoff.failures == 0:
                    logger.info("no answer from %s, it is tried again: %s", self._url, str(error) or repr(error))
            except TokenRefused as refusal:
                if refusal.status < 500 or backoff.failures >= TRIES:
                    raise
            await asyncio.sleep(backoff.next())

    async def _issue(self, asked: dict[str, Any]) -> Issued:
        async with self._session.post(self._url, json=asked, headers=self._headers) as answer:
            body = await answer.read()
            if answer.status >= 300:
                raise TokenRefused(answer.status, _problem(body))
            return msgspec.json.decode(body, type=Issued)

    def source(self, user_id: str, first: Issued | None = None, names: Sequence[str] = ()) -> TokenSource:
        """This user's tokens, each used until it has lived most of its time; `first` is one just issued."""
        return _Source(self, user_id, first, names).__call__


class _Source:
    def __init__(self, tokens: GatewayTokens, user_id: str, first: Issued | None, names: Sequence[str]) -> None:
        self._tokens = tokens
        self._user_id = user_id
        self._names = names
        self._issued = first
        self._until = 0.0 if first is None else time.monotonic() + first.expires_in * FRESH

    async def __call__(self) -> str:
        if self._issued is None or time.monotonic() >= self._until:
            self._issued = await self._tokens.issue(self._user_id, self._names)
            self._until = time.monotonic() + self._issued.expires_in * FRESH
        return self._issued.token


def _problem(body: bytes) -> Problem:
    try:
        return msgspec.json.decode(body, type=Problem)
    except msgspec.DecodeError:
        return problem("internal", body[:200].decode(errors="replace"))
