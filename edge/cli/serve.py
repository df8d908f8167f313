"""`caas serve gateway|socket`: one service of the platform as a process of its own."""

import argparse
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from core.health import Health
from core.settings import Settings, networks, only_on_the_stack
from edge.cli import options
from edge.composition import compose
from edge.composition.probes import probes_of, probing
from edge.composition.serving import gateway, listening, node_name, sockets_open
from edge.gateway.app import gateway_app
from edge.gateway.live_sockets import LiveSockets
from edge.process.announce import announced
from edge.process.listening import SOCKET_PORT
from edge.process.secrets_file import filled
from edge.process.stopping import on_signals, until
from edge.socket.transport.server import Entrance, socket_app
from edge.socket.transport.url_announcement import listed, public_url
from streams.runtime.versions import report_versions

NEEDED: Final = {"gateway": ("app_key", "app_secret", "token_secret"), "socket": ("token_secret",)}
"""The secrets of each service."""
NODE_NEEDS: Final = frozenset({"log"})
"""Without it nothing can be sent. Without the others sends go on, and what needs them says so."""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `serve`."""
    about = "run one service of the platform on the real servers"
    parser = verbs.add_parser("serve", help=about, description=about, epilog="example: caas serve socket --port 3002")
    parser.add_argument("name", metavar="NAME", choices=("gateway", "socket"), help="gateway or socket")
    parser.add_argument(
        "--port", type=options.port, metavar="N", help="default: CAAS_PORT (gateway), CAAS_SOCKET_PORT (socket)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: stopped as asked; 1: failed, such as a port that is taken."""
    settings = options.settings_of(args)
    if args.name == "socket" and args.port is None:
        settings = msgspec.structs.replace(settings, port=settings.socket_port)
    if args.name == "socket":
        only_on_the_stack(settings)
    serve = serve_gateway if args.name == "gateway" else serve_socket
    found = filled(settings, *NEEDED[args.name])
    return options.run_or_fail(f"serve {args.name}", functools.partial(serve, found), *options.ASTRAY, OSError)


async def serve_gateway(settings: Settings) -> None:
    """Serve the gateway until asked to stop; it waits for no other server."""
    asked, health = on_signals(), Health()
    async with (
        sockets_of(settings) as (urls, living),
        listening(gateway_app(gateway(settings, urls, living), health), settings, health) as port,
        announced(health, f"http://{settings.host}:{port}"),
    ):
        await until(asked)


@asynccontextmanager
async def sockets_of(settings: Settings) -> AsyncIterator[tuple[list[str], LiveSockets | None]]:
    """What the gateway names: the sockets that are set; else, on the stack, those that live."""
    here = [f"ws://{settings.host}:{settings.socket_port}/socket"]
    if settings.socket_urls:
        yield settings.socket_urls.split(","), None
    elif settings.adapters == "embedded":
        yield here, None
    else:
        async with compose.presence(settings) as presence:
            yield [], LiveSockets(presence, here)


async def serve_socket(settings: Settings) -> None:
    """Serve sockets until asked to stop: then they are drained. Health is served from the first second on."""
    asked, health = on_signals(), Health()
    settings = msgspec.structs.replace(settings, node=node_name(settings))
    entrance = Entrance(health)
    app = socket_app(entrance, health, networks(settings.health_networks))
    async with listening(app, settings, health, SOCKET_PORT) as port:
        await until(asked, ("socket", _run_node(settings, health, entrance, public_url(settings, port))))


async def _run_node(settings: Settings, health: Health, entrance: Entrance, url: str) -> None:
    async with compose.opened(compose.adapters(settings, "caas-socket", health), health) as found:
        await report_versions(found.documents, compose.processors(found), health)
        async with (
            sockets_open(found, settings, health, entrance),
            announced(health, url),
            listed(found.presence, settings.node, url, health),
        ):
            await probing(probes_of(found, needed=NODE_NEEDS), health)
