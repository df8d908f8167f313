"""Announce the URL of a node to the gateways, while it is ready and until it is asked to stop."""

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
INTERVAL_S: Final = 1.0
WITHDRAW_TIMEOUT_S: Final = 1.0
WILDCARDS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - not a listening address


def public_url(settings: Settings, port: int) -> str:
    """Return the URL for clients of this node: the setting, else the address that it listens on."""
    host = socket.gethostname() if settings.host in WILDCARDS else settings.host
    return settings.socket_public_url or f"ws://{host}:{port}/socket"


@asynccontextmanager
async def url_announced(presence: NodeRegistry, node: str, url: str, health: Health) -> AsyncIterator[None]:
    """Announce this node to the gateways while the block runs and the node is ready.

    At the end of the block it is withdrawn at once; a node that dies is dropped after `TTL_S`. While the presence
    server is down the announcement is retried, and the gateways have to do without it.
    """
    announcing = asyncio.create_task(_keep_announcing(presence, node, url, health), name="announce the node")
    try:
        yield
    finally:
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)
        await _withdraw(presence, node)


async def _keep_announcing(presence: NodeRegistry, node: str, url: str, health: Health) -> None:
    outage = Outage("the gateways' list of nodes")
    while True:
        try:
            if health.ready:
                await presence.announce(node, url, TTL_S)
            outage.ends()
        except Unavailable as error:
            outage.begins(error)
        await asyncio.sleep(INTERVAL_S if health.ready else INTERVAL_S / 10)


async def _withdraw(presence: NodeRegistry, node: str) -> None:
    try:
        async with asyncio.timeout(WITHDRAW_TIMEOUT_S):
            await presence.withdraw(node)
    except (Unavailable, TimeoutError):
        return  # it expires
