"""Connects every user of a play on a separate line, spread over the nodes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import aiohttp

from edge.sdk.python.caas_client.line import Line
from edge.sdk.python.caas_client.tokens import GatewayTokens
from edge.sdk.python.caas_client.wire import Event

MAX_CONCURRENT_CONNECTS: Final = 16
EVERY_NAME: Final = ("",)
"""Every user may open channels by the names that the recording gives."""

OnEvent = Callable[[str, Event], None]
"""Called with a user and each event of that user's line."""
Sessions = Callable[[str], aiohttp.ClientSession]
"""Returns the HTTP session that opens a user's lines."""


@asynccontextmanager
async def connected_users(
    users: Iterable[str],
    tokens: GatewayTokens,
    sessions: Sessions,
    on_event: OnEvent,
    socket_urls: Sequence[str] | None = None,
) -> AsyncIterator[dict[str, Line]]:
    """Yield a connected line for each user, whose events go to `on_event`. Raises `Refused`, `TokenRefused`."""
    gate = asyncio.Semaphore(MAX_CONCURRENT_CONNECTS)
    lines: dict[str, Line] = {}

    async def connect(number: int, user: str) -> None:
        async with gate:
            issued = await tokens.issue(user, EVERY_NAME)
            urls = _rotated(socket_urls or issued.socket_urls, number)
            source = tokens.source(user, issued, EVERY_NAME)
            line = Line(urls, source, session=sessions(user), listener=partial(on_event, user))
            await line.connect()
            lines[user] = line

    async with AsyncExitStack() as stack:
        stack.push_async_callback(_close_all, lines)
        async with asyncio.TaskGroup() as connecting:
            for number, user in enumerate(users):
                connecting.create_task(connect(number, user), name=f"play-connect-{user}")
        yield lines


def _rotated(urls: Sequence[str], by: int) -> list[str]:
    """Return the same list, rotated by `by` places."""
    start = by % len(urls)
    return [*urls[start:], *urls[:start]]


async def _close_all(lines: dict[str, Line]) -> None:
    await asyncio.gather(*(line.close() for line in lines.values()))


def open_session() -> aiohttp.ClientSession:
    """Return an HTTP session without a limit of connections."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
