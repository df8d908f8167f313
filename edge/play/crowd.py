"""Every user of a play on a line of their own, spread over the nodes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import aiohttp

from edge.client.client import Client
from edge.client.tokens import GatewayTokens
from edge.client.wire import Event

AT_ONCE: Final = 16

Hears = Callable[[str, Event], None]


@asynccontextmanager
async def crowd(
    users: Iterable[str],
    tokens: GatewayTokens,
    session: aiohttp.ClientSession,
    hears: Hears,
    socket_urls: Sequence[str] | None = None,
) -> AsyncIterator[dict[str, Client]]:
    """A connected client for each user, whose events go to `hears(user, event)`. Raises `Refused`, `TokenRefused`."""
    gate = asyncio.Semaphore(AT_ONCE)
    clients: dict[str, Client] = {}

    async def enter(number: int, user: str) -> None:
        async with gate:
            issued = await tokens.issue(user)
            urls = _turned(socket_urls or issued.socket_urls, number)
            client = Client(urls, tokens.source(user, issued), session=session, listener=partial(hears, user))
            await client.connect()
            clients[user] = client

    async with AsyncExitStack() as leaving:
        leaving.push_async_callback(_close_all, clients)
        async with asyncio.TaskGroup() as entering:
            for number, user in enumerate(users):
                entering.create_task(enter(number, user), name=f"play-enter-{user}")
        yield clients


def _turned(urls: Sequence[str], by: int) -> list[str]:
    """The same list, begun at another place for each."""
    start = by % len(urls)
    return [*urls[start:], *urls[:start]]


async def _close_all(clients: dict[str, Client]) -> None:
    await asyncio.gather(*(client.close() for client in clients.values()))


def open_session() -> aiohttp.ClientSession:
    """A session with as many lines as there are users."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
