"""A node says where it is reached, for the gateway to name it: while it is ready, and until it is asked to stop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from core.health import Health
from core.outages import Outage
from core.ports.event_log import Unavailable
from core.ports.node_registry import NodeRegistry
from core.settings import Settings

TTL_S: Final = 5.0
EVERY_S: Final = 1.0
LEAVE_S: Final = 1.0
WILDCARDS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - nobody listens here


def public_url(settings: Settings, port: int) -> str:
    """Where clients reach this node: as it is set, else where it listens."""
    host = socket.gethostname() if settings.host in WILDCARDS else settings.host
    return settings.socket_public_url or f"ws://{host}:{port}/socket"


@asynccontextmanager
async def listed(presence: NodeRegistry, node: str, url: str, health: Health) -> AsyncIterator[None]:
    """While the block runs and nothing waits, the gateways name this node; a node that dies within `TTL_S`, one that
    leaves the block at once. A server that is away is tried again: that is for the gateways to bear.
    """
    keeping = asyncio.create_task(_keep(presence, node, url, health), name="list the node")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await _leave(presence, node)


async def _keep(presence: NodeRegistry, node: str, url: str, health: Health) -> None:
    outage = Outage("the gateways' list of nodes")
    while True:
        try:
            if health.ready:
                await presence.announce(node, url, TTL_S)
            outage.ends()
        except Unavailable as error:
            outage.begins(error)
        await asyncio.sleep(EVERY_S if health.ready else EVERY_S / 10)


async def _leave(presence: NodeRegistry, node: str) -> None:
    try:
        async with asyncio.timeout(LEAVE_S):
            await presence.withdraw(node)
    except (Unavailable, TimeoutError):
        return  # it is forgotten by itself
