"""`caas up`: run the whole system embedded in one process, durable in one directory; print one line when ready."""

import argparse
import asyncio
import functools
import os
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from core import private_files
from core.health import Health
from core.ports.event_log import AlreadyWriting
from core.settings import Settings, networks
from edge.cli import options
from edge.compliance.app import ComplianceEntrance
from edge.compliance.app import add_routes as add_compliance_routes
from edge.composition import compose
from edge.composition.compose import Adapters
from edge.composition.log_level import LogLevel
from edge.composition.running import working
from edge.composition.serving import (
    bound,
    compliance_open,
    gateway,
    port_of,
    ready,
    served,
    sockets_open,
    token_trail,
    tokens_recorded,
    trace_open,
)
from edge.composition.telemetry import telemetry
from edge.gateway.app import add_routes as add_gateway_routes
from edge.http.connection import ConnectionLimits
from edge.http.front_page import COMPLIANCE, GATEWAY, SOCKET, TRACE, add_front_page
from edge.http.health import add_health_routes
from edge.http.problems import problems
from edge.process.data_directory import READY
from edge.process.secrets_file import existing, filled
from edge.process.stopping import on_signals, until
from edge.socket.transport.server import Entrance
from edge.socket.transport.server import add_routes as add_socket_routes
from edge.trace.app import TraceEntrance
from edge.trace.app import add_routes as add_trace_routes
from streams.runtime.versions import report_versions

HELD_S: Final = 5.0
"""Maximum time, in seconds, that a start waits for a directory that another process holds."""
POLL_INTERVAL_S: Final = 0.1


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """The address and credentials of a system; without the secret where it is shown or stored."""

    url: str
    app_key: str
    app_secret: str = ""
    socket_urls: list[str] = []
    data: str = ""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `up`."""
    about = "run the whole system in one process, durable in a directory"
    parser = verbs.add_parser("up", help=about, description=about, epilog="example: caas up --data ./chat --port 3000")
    parser.add_argument(
        "--port", type=options.port, metavar="N", help="the port (default: CAAS_PORT or 3000; 0: any free one)"
    )
    options.add_data(parser)
    options.add_json(parser)
    parser.add_argument("--secrets", action="store_true", help="with --json: print the app secret too")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: stopped by a signal; 1: the directory is in use or the port is taken."""
    args.data = args.data or os.environ.get("CAAS_DATA", ".caas/data")
    settings = options.settings_of(args)
    return options.run_or_fail(
        "up",
        functools.partial(stay_up, settings, as_json=args.json, secrets=args.secrets),
        AlreadyWriting,
        *options.ASTRAY,
        OSError,
    )


async def stay_up(settings: Settings, *, as_json: bool, secrets: bool) -> None:
    """Run until a signal."""
    asked = on_signals()
    await until(asked, ("system", _run_system(settings, as_json=as_json, secrets=secrets)))


async def _run_system(settings: Settings, *, as_json: bool, secrets: bool) -> None:
    async with system(settings) as address:
        shown = address if secrets else without_secret(address)
        line = msgspec.json.encode(shown).decode() if as_json else f"ready on {address.url}, data in {address.data}"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


@asynccontextmanager
async def system(settings: Settings) -> AsyncIterator[Address]:
    """Run the embedded system; yield its address. It listens from the start, and reports what it waits for."""
    settings = filled(settings)  # which creates the directory
    data, health, log_level = Path(settings.data), Health(), LogLevel(settings, "up")
    entrance = Entrance(health)
    app = web.Application(middlewares=[problems])
    add_front_page(app, "a whole system", (*SOCKET, *GATEWAY, *COMPLIANCE, *TRACE))
    add_health_routes(app, health, networks(settings.health_networks))
    add_socket_routes(app, entrance)
    compliance = ComplianceEntrance(health)
    add_compliance_routes(app, compliance)
    log_level.serve(app)
    traces = TraceEntrance(health)
    add_trace_routes(app, traces)
    async with AsyncExitStack() as stack:
        at = stack.enter_context(bound(settings.host, settings.port))
        address = _address(settings, port_of(at))
        trail = token_trail(settings, health)
        add_gateway_routes(app, gateway(settings, trail, address.socket_urls))
        await stack.enter_async_context(served(app, at, ConnectionLimits(settings, health)))
        tracer = await stack.enter_async_context(telemetry(settings, "caas-up", health))
        found = replace(await stack.enter_async_context(_opened(settings, health)), tracer=tracer)
        log_level.recorded_in(found.log)
        await report_versions(found.documents, compose.processors(found), health)
        await stack.enter_async_context(tokens_recorded(found.log, trail))
        await stack.enter_async_context(working(found, settings, health))
        await stack.enter_async_context(compliance_open(found, settings, compliance, health))
        await stack.enter_async_context(trace_open(found, settings, traces))
        await stack.enter_async_context(sockets_open(found, settings, health, entrance))
        await ready(health)
        path = data / READY
        private_files.write_file(path, msgspec.json.encode(without_secret(address)))
        stack.callback(path.unlink, missing_ok=True)
        yield address


@asynccontextmanager
async def _opened(settings: Settings, health: Health) -> AsyncIterator[Adapters]:
    """Yield the adapters of the directory; a verb that holds it for a moment, such as `caas token`, is waited for.
    Raises `AlreadyWriting` in a group, at once where a system runs there.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + HELD_S
    async with AsyncExitStack() as stack:
        found: Adapters | None = None
        while found is None:
            try:
                found = await stack.enter_async_context(compose.opened(compose.embedded(settings), health))
            except* AlreadyWriting:
                if loop.time() >= ends or await asyncio.to_thread(running_at, settings) is not None:
                    raise
                await asyncio.sleep(POLL_INTERVAL_S)
        yield found


def without_secret(address: Address) -> Address:
    """Return the address without its secret, which may be printed and stored."""
    return msgspec.structs.replace(address, app_secret="")


def _address(settings: Settings, port: int) -> Address:
    base = f"{settings.host}:{port}"
    urls = settings.socket_urls.split(",") if settings.socket_urls else [f"ws://{base}/socket"]
    return Address(
        url=settings.public_url or f"http://{base}",
        app_key=settings.app_key,
        app_secret=settings.app_secret,
        socket_urls=urls,
        data=str(Path(settings.data).resolve()),
    )


@asynccontextmanager
async def reached(settings: Settings, url: str | None) -> AsyncIterator[Address]:
    """Yield the gateway at `url`, or that of the settings; else the embedded system: the one running in the directory,
    or a new one.
    """
    if known := url or settings.public_url:
        secrets = existing(settings, "app_key", "app_secret")
        yield Address(known, secrets.app_key, secrets.app_secret)
    elif (found := running_at(settings)) is not None:
        secrets = existing(settings, "app_key", "app_secret")
        yield msgspec.structs.replace(found, app_key=secrets.app_key, app_secret=secrets.app_secret)
    else:
        async with system(msgspec.structs.replace(settings, port=0)) as here:
            yield here


def running_at(settings: Settings) -> Address | None:
    """Return the address of the system that runs in this directory, or None; its secrets are only in `secrets.json`."""
    path = Path(settings.data) / READY
    if not path.exists():
        return None
    try:
        address = msgspec.json.decode(path.read_bytes(), type=Address)
        with urllib.request.urlopen(f"{address.url}/livez", timeout=2):  # noqa: S310 - written by ourselves
            return address
    except (OSError, ValueError, msgspec.DecodeError):  # written by a process that has ended, or incompletely
        return None
