"""Run and serve a socket node and a gateway over one set of adapters."""

import asyncio
import functools
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from core.clock import SystemClock
from core.health import Health
from core.ports.event_log import EventLog
from core.rate_limit import Rate
from core.settings import Settings, listed
from edge.auth.tokens import Tokens
from edge.compliance.app import Compliance, ComplianceEntrance
from edge.compliance.checkpoint_signer import CheckpointSigner
from edge.composition.compose import PROCESSORS, Adapters, readers_of
from edge.composition.node import node_of, random_id
from edge.composition.ports import Ports
from edge.gateway.app import Gateway
from edge.gateway.live_sockets import LiveSockets
from edge.gateway.token_trail import TokenTrail
from edge.http.connection import ConnectionLimits, HttpConnection, track_requests
from edge.http.health import add_health_routes
from edge.http.problems import problems
from edge.process import logs
from edge.process.background import background
from edge.process.listening import PORT, named
from edge.socket.commands.backlog import BacklogLimits
from edge.socket.commands.user_quotas import user_quotas_of
from edge.socket.transport.server import Entrance, Sockets
from edge.trace.app import TraceEntrance, Tracing
from projections.audit import audit_rows
from projections.checkpoints.folder import CheckpointFolder
from projections.ephemeral.limits import FallbackLimits
from projections.generations import Generations
from projections.queries.audit_records import DERIVING, AuditRecords
from projections.queries.audit_sums import AuditSums
from projections.queries.audit_trees import AuditTrees
from projections.queries.trace_records import TraceRecords
from streams.audit.audit_queue import AuditQueue
from streams.audit.log_audit import LogAudit
from streams.memberships.membership_tail import MembershipTail
from streams.runtime.lineage import check_models

BACKLOG: Final = 1024


def node_name(settings: Settings) -> str:
    """Return this process's name among the nodes: unique, also over its restarts."""
    return settings.node or f"{socket.gethostname()}-{secrets.token_hex(4)}"


@asynccontextmanager
async def node_running(found: Adapters, settings: Settings, health: Health) -> AsyncIterator[Sockets]:
    """Run a node that follows memberships and generations; ready when its view has caught up. Raises `LogMismatch`."""
    await check_models(found.log, found.documents, PROCESSORS, health)
    name = node_name(settings)
    logs.name_node(name)
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
            tracer=found.tracer,
        ),
        heartbeat_ms=settings.heartbeat_ms,
        pace=Rate(settings.commands_per_s, settings.commands_burst),
        quotas=user_quotas_of(settings, FallbackLimits(found.limits, health), health),
        backlog_limits=BacklogLimits.of(settings),
        new_id=random_id,
        tenant=settings.tenant,
    )
    tokens = Tokens(settings.token_secret, settings.token_ttl_s, tenants=listed(settings.tenants))
    async with background(("memberships", memberships.run()), ("generations", generations.follow())):
        await node.start()
        try:
            yield Sockets(node, tokens, settings, health, random_id)
        finally:
            await node.stop()


@asynccontextmanager
async def compliance_open(
    found: Adapters, settings: Settings, entrance: ComplianceEntrance, health: Health
) -> AsyncIterator[None]:
    """Answer compliance officers at this entrance, and sign checkpoints at intervals."""
    generations = Generations(found.documents, (audit_rows.MODEL, DERIVING))
    tokens = Tokens(settings.token_secret, settings.token_ttl_s, tenants=listed(settings.tenants))
    audit = LogAudit(found.log, SystemClock(), "/caas/compliance", random_id)
    trees, seed, kept = AuditTrees(found.documents, generations), bytes.fromhex(settings.audit_seed), kept_at(settings)
    signing: list[tuple[str, Coroutine[Any, Any, None]]] = []
    if kept is not None and settings.audit_checkpoint_s:
        interval_s = settings.audit_checkpoint_s
        signer = CheckpointSigner(trees, kept, seed=seed, clock=SystemClock(), health=health, interval_s=interval_s)
        signing.append(("audit-checkpoints", signer.follow()))
    async with background(("audit-generations", generations.follow()), *signing):
        records = AuditRecords(found.documents, generations, found.log)
        sums = AuditSums(found.documents, generations)
        entrance.open(Compliance(tokens, records, trees, audit, seed, sums=sums, checkpoints=kept))
        yield


def kept_at(settings: Settings) -> CheckpointFolder | None:
    """Return where checkpoints are kept: embedded it is in the directory, where the settings name no other."""
    if settings.audit_checkpoints:
        return CheckpointFolder(Path(settings.audit_checkpoints))
    return CheckpointFolder(Path(settings.data) / "checkpoints") if settings.adapters == "embedded" else None


@asynccontextmanager
async def trace_open(found: Adapters, settings: Settings, entrance: TraceEntrance) -> AsyncIterator[None]:
    """Answer at this entrance what became of requests."""
    generations = Generations(found.documents, PROCESSORS)
    tokens = Tokens(settings.token_secret, settings.token_ttl_s, tenants=listed(settings.tenants))
    audit = LogAudit(found.log, SystemClock(), "/caas/trace", random_id)
    async with background(("trace-generations", generations.follow())):
        records = TraceRecords(found.documents, generations, found.log, readers_of(found))
        entrance.open(Tracing(tokens, records, audit))
        yield


@asynccontextmanager
async def sockets_open(
    found: Adapters, settings: Settings, health: Health, entrance: Entrance
) -> AsyncIterator[Sockets]:
    """Run a node whose sockets open at this entrance; at the end they are drained, the entrance still served."""
    async with node_running(found, settings, health) as sockets:
        entrance.open(sockets)
        try:
            yield sockets
        finally:
            await sockets.drain()


def gateway(
    settings: Settings, trail: TokenTrail, socket_urls: list[str], living: LiveSockets | None = None
) -> Gateway:
    """Return the gateway, whose answers have these socket URLs, or those of live nodes."""
    return Gateway(settings, Tokens(settings.token_secret, settings.token_ttl_s), trail, socket_urls, living)


def token_trail(settings: Settings, health: Health) -> TokenTrail:
    """Return the trail of a gateway's tokens, whose records wait in memory until `tokens_recorded`."""
    return TokenTrail(AuditQueue(SystemClock().now, health, random_id), settings.tenant, settings.app_key)


@asynccontextmanager
async def tokens_recorded(log: EventLog, trail: TokenTrail) -> AsyncIterator[None]:
    """Append the records of a gateway's tokens to this log; at the end those that wait."""
    audit = LogAudit(log, SystemClock(), "/caas/gateway", random_id)
    try:
        async with background(("token-records", trail.queue.follow(audit))):
            yield
    finally:
        await trail.queue.stop(audit)


@contextmanager
def bound(host: str, port: int, setting: str = PORT) -> Iterator[socket.socket]:
    """Yield a listening socket on this port, 0 for any free one; clients wait until it is served. Raises
    `CannotListen`, whose text says that the port is chosen by `setting`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with named(host, port, setting):
        found = socket.create_server((host, port), family=family, backlog=BACKLOG)
    with found:
        yield found


@asynccontextmanager
async def served(app: web.Application, at: socket.socket, limits: ConnectionLimits) -> AsyncIterator[None]:
    """Serve the application there, its connections with deadlines. At the end its sockets are drained."""
    app.middlewares.insert(0, track_requests)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    if runner.server is None:
        raise RuntimeError("a runner that was set up has a server")
    try:
        connections = functools.partial(HttpConnection, runner.server, limits)
        accepting = await asyncio.get_running_loop().create_server(connections, sock=at, backlog=BACKLOG)
        try:
            yield
        finally:
            accepting.close()
    finally:
        await runner.cleanup()


@asynccontextmanager
async def listening(
    app: web.Application, settings: Settings, health: Health, setting: str = PORT
) -> AsyncIterator[int]:
    """Serve the application at the host and port of the settings, 0 for any free one. Yield the port. Raises
    `CannotListen`.
    """
    with bound(settings.host, settings.port, setting) as at:
        async with served(app, at, ConnectionLimits(settings, health)):
            yield port_of(at)


@asynccontextmanager
async def health_site(
    settings: Settings, health: Health, port: int | None, *more: Callable[[web.Application], None]
) -> AsyncIterator[None]:
    """Serve the health of a process without another HTTP server, and what `more` adds; port None: not at all. Raises
    `CannotListen`.
    """
    if port is None:
        yield
        return
    app = web.Application(middlewares=[problems])
    add_health_routes(app, health)
    for add in more:
        add(app)
    async with listening(app, msgspec.structs.replace(settings, port=port), health, "--health-port"):
        yield


def port_of(at: socket.socket) -> int:
    """Return the port that a socket is bound to."""
    port: int = at.getsockname()[1]
    return port


async def ready(health: Health) -> None:
    """Return when no check fails any more."""
    while not health.ready:  # noqa: ASYNC110 - many places change the checks
        await asyncio.sleep(0.02)
