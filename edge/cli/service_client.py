"""ServiceClient asks a service of a system over HTTP, with a token that it makes itself from the token secret."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import aiohttp
import msgspec

from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.cli.up import reached

PATIENCE_S: Final = 30.0
"""Maximum time, in seconds, that a service which is not ready is asked again."""
RETRY_S: Final = 0.5
Answer = TypeVar("Answer")


class NotAnswered(Exception):
    """The service answered with a problem, or nothing listens there."""


class ServiceClient:
    """The service at one address, asked as one user with one role."""

    def __init__(self, session: aiohttp.ClientSession, url: str, settings: Settings, who: str, role: str) -> None:
        self._session = session
        self._url = url
        self._settings = settings
        self._tokens = Tokens(settings.token_secret, settings.token_ttl_s)
        self._who = who
        self._role = role

    async def ask(self, path: str, asked: Mapping[str, str], kind: type[Answer]) -> Answer:
        """Return one answer; a service that is not ready is asked again for `PATIENCE_S`. Raises `NotAnswered`."""
        ends = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            body, status = await self._answer(f"{self._url}{path}", asked)
            if status == 200:
                return msgspec.json.decode(body, type=kind)
            if status != 503 or asyncio.get_running_loop().time() > ends:
                raise NotAnswered(_reason(body, status))
            await asyncio.sleep(RETRY_S)

    async def _answer(self, url: str, asked: Mapping[str, str]) -> tuple[bytes, int]:
        token, _ = self._tokens.issue(self._settings.tenant, self._who, roles=[self._role])
        try:
            async with self._session.get(url, params=asked, headers={"Authorization": f"Bearer {token}"}) as answer:
                return await answer.read(), answer.status
        except aiohttp.ClientError as error:
            raise NotAnswered(f"{url} does not answer: {error}") from None


@asynccontextmanager
async def client_of(settings: Settings, url: str | None, who: str, role: str) -> AsyncIterator[ServiceClient]:
    """Yield the service at `url`, on the stack that of the settings, else that of the embedded system: the one that
    runs, or a new one.
    """
    here = f"http://{settings.host}:{settings.compliance_port}" if settings.adapters == "stack" else None
    async with reached(settings, url or here) as system, aiohttp.ClientSession() as session:
        yield ServiceClient(session, system.url, settings, who, role)


def _reason(body: bytes, status: int) -> str:
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return f"the service answered with status {status}"
    wrong = ", ".join(one["pointer"].lstrip("/") for one in found.get("errors") or [])
    return f"{found['title']}: {found['detail']}" + (f" ({wrong})" if wrong else "")
