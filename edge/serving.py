"""A socket node and a gateway over one set of adapters, and how they are served."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from aiohttp import web

from core.clock import SystemClock
from core.health import Health
from core.pace import Pace
from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.background import background
from edge.compose import PROCESSORS, Adapters
from edge.gateway.app import Gateway
from edge.gateway.living import LivingSockets
from edge.listening import PORT, named
from edge.socket.allowances import allowances_of
from edge.socket.assembly import node_of, random_id
from edge.socket.ports import Ports
from edge.socket.server import Entrance, Sockets
from projections.cache.limits import FallbackLimits
from projections.generations import Generations
from streams.lineage import check_models
from streams.memberships import MembershipTail

BACKLOG: Final = 1024


def node_name(settings: Settings) -> str:
    """This process's name among the nodes: unlike any other's, also its own of yesterday."""
    return settings.node or f"{socket.gethostname()}-{secrets.token_hex(4)}"


@asynccontextmanager
async def node_running(found: Adapters, settings: Settings, health: Health) -> AsyncIterator[Sockets]:
    """A node that follows memberships and generations; ready when its view has caught up. Raises `LogMismatch`."""
    await check_models(found.log, found.documents, PROCESSORS, health)
    name = node_name(settings)
    memberships = MembershipTail(found.log, found.documents, health)
    generations = Generations(found.documents, PROCESSORS)
    node = node_of(
        name,
        Ports(
            log=found.log,
            documents=found.documents,
            generations=generations,
            index=found.index,
            bus=found.bus,
            presence=found.presence,
            people=found.people,
            memberships=memberships,
            clock=SystemClock(),
            health=health,
        ),
        heartbeat_ms=settings.heartbeat_ms,
        pace=Pace(settings.commands_per_s, settings.commands_burst),
        allowances=allowances_of(settings, FallbackLimits(found.limits, health), health),
        new_id=random_id,
    )
    tokens = Tokens(settings.token_secret, settings.token_ttl_s)
    async with background(("memberships", memberships.run()), ("generations", generations.follow())):
        await node.start()
        try:
            yield Sockets(node, tokens, settings, health, random_id)
        finally:
            await node.stop()


@asynccontextmanager
async def sockets_open(
    found: Adapters, settings: Settings, health: Health, entrance: Entrance
) -> AsyncIterator[Sockets]:
    """A node whose sockets come in at this entrance; at the end they are drained, the entrance still served."""
    async with node_running(found, settings, health) as sockets:
        entrance.open(sockets)
        try:
            yield sockets
        finally:
            await sockets.drain()


def gateway(settings: Settings, socket_urls: list[str], living: LivingSockets | None = None) -> Gateway:
    """The gateway, which names these sockets, or those that live."""
    return Gateway(settings, Tokens(settings.token_secret, settings.token_ttl_s), socket_urls, living)


@contextmanager
def bound(host: str, port: int, setting: str = PORT) -> Iterator[socket.socket]:
    """A listening socket on this port, 0 for any free one: who connects waits until it is served. Raises
    `CannotListen`, which says that the port is chosen by `setting`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with named(host, port, setting):
        found = socket.create_server((host, port), family=family, backlog=BACKLOG)
    with found:
        yield found


@asynccontextmanager
async def served(app: web.Application, at: socket.socket) -> AsyncIterator[None]:
    """The application served there. At the end its sockets are drained."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, at, backlog=BACKLOG).start()
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int, setting: str = PORT) -> AsyncIterator[int]:
    """The application served on this port, 0 for any free one; the port. Raises `CannotListen`."""
    with bound(host, port, setting) as at:
        async with served(app, at):
            yield port_of(at)


def port_of(at: socket.socket) -> int:
    """The port that a socket is bound to."""
    port: int = at.getsockname()[1]
    return port


async def ready(health: Health) -> None:
    """Return when nothing waits any more."""
    while not health.ready:  # noqa: ASYNC110 - whoever waits says so in many places
        await asyncio.sleep(0.02)
