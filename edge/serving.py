"""A socket node and a gateway over one set of adapters, and how they are served."""

import asyncio
import secrets
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from core.clock import SystemClock
from core.handle import Handler
from core.health import Health
from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.background import background
from edge.compose import PROCESSORS, Adapters
from edge.gateway.app import Gateway
from edge.socket.commands import Commands
from edge.socket.lanes import Lanes
from edge.socket.node import Node
from edge.socket.queries import Queries
from edge.socket.server import Sockets
from edge.socket.standing import Standing
from projections.generations import Generations
from projections.reader import MessageReader
from streams.memberships import WAITS_FOR, MembershipTail

PRESENCE_TTL_S = 15.0


def new_id() -> str:
    """A correlation or session id: UUIDv4."""
    return str(uuid.uuid4())


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
    lanes = Lanes(found.documents, generations)
    handler = Handler(memberships, MessageReader(found.documents, generations, found.log), f"/caas/edge/{name}")
    node = Node(
        name,
        commands=Commands(handler=handler, log=found.log, memberships=memberships, clock=SystemClock(), health=health),
        queries=Queries(
            memberships=memberships,
            lanes=lanes,
            documents=found.documents,
            generations=generations,
            index=found.index,
            cache=found.cache,
            health=health,
        ),
        memberships=memberships,
        lanes=lanes,
        bus=found.bus,
        standing=Standing(found.presence, name, PRESENCE_TTL_S, health),
        health=health,
        new_id=new_id,
        heartbeat_ms=settings.heartbeat_ms,
    )
    tokens = Tokens(settings.token_secret, settings.token_ttl_s)
    async with background(("memberships", memberships.run()), ("generations", generations.follow())):
        await node.start()
        try:
            yield Sockets(node, tokens, settings, health, new_id)
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
