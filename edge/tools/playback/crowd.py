"""Every user of a play on a line of their own, spread over the nodes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import aiohttp

from edge.sdk.python.caas_client.line import Line
from edge.sdk.python.caas_client.tokens import GatewayTokens
from edge.sdk.python.caas_client.wire import Event

AT_ONCE: Final = 16
EVERY_NAME: Final = ("",)
"""The channels of a recording have the names that it says, whoever opens them."""

Hears = Callable[[str, Event], None]
Sessions = Callable[[str], aiohttp.ClientSession]
"""What a user's lines are opened with."""


@asynccontextmanager
async def crowd(
    users: Iterable[str],
    tokens: GatewayTokens,
    sessions: Sessions,
    hears: Hears,
    socket_urls: Sequence[str] | None = None,
) -> AsyncIterator[dict[str, Line]]:
    """A connected line for each user, whose events go to `hears(user, event)`. Raises `Refused`, `TokenRefused`."""
    gate = asyncio.Semaphore(AT_ONCE)
    lines: dict[str, Line] = {}

    async def enter(number: int, user: str) -> None:
        async with gate:
            issued = await tokens.issue(user, EVERY_NAME)
            urls = _turned(socket_urls or issued.socket_urls, number)
            source = tokens.source(user, issued, EVERY_NAME)
            line = Line(urls, source, session=sessions(user), listener=partial(hears, user))
            await line.connect()
            lines[user] = line

    async with AsyncExitStack() as leaving:
        leaving.push_async_callback(_close_all, lines)
        async with asyncio.TaskGroup() as entering:
            for number, user in enumerate(users):
                entering.create_task(enter(number, user), name=f"play-enter-{user}")
        yield lines


def _turned(urls: Sequence[str], by: int) -> list[str]:
    """The same list, begun at another place for each."""
    start = by % len(urls)
    return [*urls[start:], *urls[:start]]


async def _close_all(lines: dict[str, Line]) -> None:
    await asyncio.gather(*(line.close() for line in lines.values()))


def open_session() -> aiohttp.ClientSession:
    """A session with as many lines as there are users."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
