"""A socket node and a gateway over one set of adapters, and how they are served."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from core.clock import SystemClock
from core.health import Health
from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.background import background
from edge.compose import PROCESSORS, Adapters
from edge.gateway.app import Gateway
from edge.socket.assembly import node_of, random_id
from edge.socket.server import Sockets
from projections.generations import Generations
from streams.memberships import WAITS_FOR, MembershipTail


def node_name(settings: Settings) -> str:
    """This process's name among the nodes: unlike any other's, also its own of yesterday."""
    return settings.node or f"{socket.gethostname()}-{secrets.token_hex(4)}"


@asynccontextmanager
async def node_running(found: Adapters, settings: Settings, health: Health) -> AsyncIterator[Sockets]:
    """A node that follows memberships and generations; ready when its view has caught up."""
    name = node_name(settings)
    health.waits(WAITS_FOR, "starting")
    memberships = MembershipTail(found.log, health)
    generations = Generations(found.documents, PROCESSORS)
    node = node_of(
        name,
        log=found.log,
        documents=found.documents,
        generations=generations,
        index=found.index,
        bus=found.bus,
        presence=found.presence,
        cache=found.cache,
        memberships=memberships,
        clock=SystemClock(),
        health=health,
        heartbeat_ms=settings.heartbeat_ms,
        new_id=random_id,
    )
    tokens = Tokens(settings.token_secret, settings.token_ttl_s)
    async with background(("memberships", memberships.run()), ("generations", generations.follow())):
        await node.start()
        try:
            yield Sockets(node, tokens, settings, health, random_id)
        finally:
            await node.stop()


def gateway(settings: Settings, socket_urls: list[str]) -> Gateway:
    """The gateway, which names these sockets."""
    return Gateway(settings, Tokens(settings.token_secret, settings.token_ttl_s), socket_urls)


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """The application served; its port. At the end its sockets are drained."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1024)
        await site.start()
        bound: int = runner.addresses[0][1]
        yield bound
    finally:
        await runner.cleanup()


async def ready(health: Health) -> None:
    """Return when nothing waits any more."""
    while not health.ready:  # noqa: ASYNC110 - whoever waits says so in many places
        await asyncio.sleep(0.02)
