"""List the services that `caas serve` runs, each as a process of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, Literal, NamedTuple

import msgspec
from aiohttp import web

from core.health import Health, WarningHealth
from core.settings import Settings, networks
from edge.compliance.app import ComplianceEntrance, compliance_app
from edge.composition import compose
from edge.composition.log_level import LogLevel
from edge.composition.probes import probes_of, probing
from edge.composition.serving import (
    compliance_open,
    gateway,
    listening,
    node_name,
    sockets_open,
    token_trail,
    tokens_recorded,
    trace_open,
)
from edge.composition.telemetry import telemetry
from edge.gateway.app import Gateway, gateway_app
from edge.gateway.live_sockets import LiveSockets
from edge.gateway.token_trail import TokenTrail
from edge.http.front_page import TRACE as TRACE_ROWS
from edge.process.announce import announced
from edge.process.background import background
from edge.process.listening import COMPLIANCE_PORT, PORT, SOCKET_PORT
from edge.process.stopping import on_signals, until
from edge.socket.transport.server import Entrance, socket_app
from edge.socket.transport.url_announcement import public_url, url_announced
from edge.trace.app import TraceEntrance
from edge.trace.app import add_routes as add_trace_routes
from projections.audit.audit_rows import MODEL as AUDIT
from projections.trace.trace_rows import MODEL as TRACE
from streams.runtime.versions import report_versions

logger: Final = logging.getLogger("caas.gateway")
NODE_NEEDS: Final = frozenset({"log"})
"""Without the log nothing can be sent. Without the others sends still work; commands that need them are refused."""


COMPLIANCE_NEEDS: Final = frozenset({"log", "documents"})
"""A query is recorded in the log before it is answered from the rows."""


class Service(NamedTuple):
    """One service: the field of `Settings` that has its port and how a person sets it, the secrets without which it
    does not start, whether it needs the real servers, and what serves it until a signal.
    """

    name: str
    port: Literal["port", "socket_port", "compliance_port"]
    port_setting: str
    secrets: tuple[str, ...]
    needs_stack: bool
    serve: Callable[[Settings], Coroutine[Any, Any, None]]


async def serve_gateway(settings: Settings) -> None:
    """Serve the gateway until a signal; it waits for no other server: records of tokens wait for the log."""
    asked, health = on_signals(), Health()
    trail, log_level = token_trail(settings, WarningHealth(health)), LogLevel(settings, "gateway")
    async with (
        telemetry(settings, "caas-gateway", health),
        sockets_of(settings) as (urls, living),
        background(("token-records", _record_tokens(settings, health, trail, log_level))),
        listening(_gateway_app(gateway(settings, trail, urls, living), health, log_level), settings, health) as port,
        announced(health, f"http://{settings.host}:{port}"),
    ):
        await until(asked)


def _gateway_app(found: Gateway, health: Health, log_level: LogLevel) -> web.Application:
    app = gateway_app(found, health)
    log_level.serve(app)
    return app


async def _record_tokens(settings: Settings, health: Health, trail: TokenTrail, log_level: LogLevel) -> None:
    """Record tokens in the stack's log, once it can be reached. An embedded log is that of the process that holds it,
    and a gateway beside it records nothing.
    """
    try:
        if settings.adapters == "stack":
            async with (
                compose.log_alone(settings, "caas-gateway", WarningHealth(health)) as log,
                tokens_recorded(log, trail),
            ):
                log_level.recorded_in(log)
                await asyncio.Event().wait()
    except Exception as error:  # a gateway issues tokens whatever the log is
        logger.exception("tokens are not recorded any more")
        health.warns("log", error)
    await asyncio.Event().wait()


@asynccontextmanager
async def sockets_of(settings: Settings) -> AsyncIterator[tuple[list[str], LiveSockets | None]]:
    """Yield the socket URLs that the gateway returns: those in the settings; else, on the stack, the live nodes."""
    here = [f"ws://{settings.host}:{settings.socket_port}/socket"]
    if settings.socket_urls:
        yield settings.socket_urls.split(","), None
    elif settings.adapters == "embedded":
        yield here, None
    else:
        async with compose.presence(settings) as presence:
            yield [], LiveSockets(presence, here)


async def serve_socket(settings: Settings) -> None:
    """Serve sockets until a signal, then drain them. Health is served from the start."""
    asked, health = on_signals(), Health()
    settings = msgspec.structs.replace(settings, node=node_name(settings))
    entrance, log_level = Entrance(health), LogLevel(settings, "socket")
    app = socket_app(entrance, health, networks(settings.health_networks))
    log_level.serve(app)
    async with listening(app, settings, health, SOCKET_PORT) as port:
        await until(asked, ("socket", _run_node(settings, health, entrance, log_level, public_url(settings, port))))


async def _run_node(settings: Settings, health: Health, entrance: Entrance, log_level: LogLevel, url: str) -> None:
    async with (
        telemetry(settings, "caas-socket", health) as tracer,
        compose.opened(compose.adapters(settings, "caas-socket", health), health) as opened,
    ):
        found = replace(opened, tracer=tracer)
        log_level.recorded_in(found.log)
        await report_versions(found.documents, compose.processors(found), health)
        async with (
            sockets_open(found, settings, health, entrance),
            announced(health, url),
            url_announced(found.presence, settings.node, url, health),
        ):
            await probing(probes_of(found, needed=NODE_NEEDS), health)


async def serve_compliance(settings: Settings) -> None:
    """Serve compliance officers, and traces of requests, until a signal. Health is served from the start."""
    asked, health = on_signals(), Health()
    entrance, traces, log_level = ComplianceEntrance(health), TraceEntrance(health), LogLevel(settings, "compliance")
    app = compliance_app(entrance, health, networks(settings.health_networks), beside=TRACE_ROWS)
    add_trace_routes(app, traces)
    log_level.serve(app)
    async with listening(app, settings, health, COMPLIANCE_PORT) as port:
        url = f"http://{settings.host}:{port}"
        await until(asked, ("compliance", _run_compliance(settings, health, (entrance, traces), log_level, url)))


async def _run_compliance(
    settings: Settings,
    health: Health,
    entrances: tuple[ComplianceEntrance, TraceEntrance],
    log_level: LogLevel,
    url: str,
) -> None:
    officers, traces = entrances
    async with (
        telemetry(settings, "caas-compliance", health) as tracer,
        compose.opened(compose.adapters(settings, "caas-compliance", health), health) as opened,
    ):
        found = replace(opened, tracer=tracer)
        log_level.recorded_in(found.log)
        await report_versions(found.documents, compose.processors(found, (AUDIT, TRACE)), health)
        async with (
            compliance_open(found, settings, officers, health),
            trace_open(found, settings, traces),
            announced(health, url),
        ):
            await probing(probes_of(found, needed=COMPLIANCE_NEEDS), health)


SERVICES: Final[dict[str, Service]] = {
    service.name: service
    for service in (
        Service("gateway", "port", PORT, ("app_key", "app_secret", "token_secret"), False, serve_gateway),
        Service(
            "compliance", "compliance_port", COMPLIANCE_PORT, ("token_secret", "audit_seed"), True, serve_compliance
        ),
        Service("socket", "socket_port", SOCKET_PORT, ("token_secret",), True, serve_socket),
    )
}
