"""HeadPoller finds rows that no push delivered, from the heads of lanes: once a heartbeat, and after a failure."""

import asyncio
import contextlib
from typing import Final

from core.outages import Outage
from core.ports.event_log import Unavailable
from core.retry import Backoff
from edge.socket.delivery.hub import Hub
from projections.queries.lanes import Lanes

LOST_AFTER_S: Final = 1.0
"""Time after which a push that has not arrived since its head was seen counts as lost."""


class HeadPoller:
    """Polls heads for one node, which holds the channels and users of a hub."""

    def __init__(self, lanes: Lanes, heartbeat_s: float) -> None:
        self._lanes = lanes
        self._heartbeat_s = heartbeat_s
        self._wake = asyncio.Event()

    def poll_soon(self) -> None:
        """Poll soon: a push may have been lost."""
        self._wake.set()

    async def run(self, hub: Hub) -> None:
        """Poll without end; retry while the store is down."""
        outage, backoff = Outage("heads"), Backoff()
        while True:
            with contextlib.suppress(TimeoutError):  # a heartbeat has passed
                async with asyncio.timeout(self._heartbeat_s):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self.poll(hub)
                backoff.reset()
                outage.ends()
            except Unavailable as error:
                outage.begins(error)
                await backoff.pause()
                self.poll_soon()

    async def poll(self, hub: Hub) -> None:
        """Read the heads of all channels and users; recover what is still missing a second later.

        Raises `Unavailable`.
        """
        life = self._lanes.life
        conversations, users = await hub.conversations.find_undelivered(), await hub.users.find_undelivered()
        if not conversations and not users:
            return
        await asyncio.sleep(LOST_AFTER_S)
        hub.conversations.recover(hub.conversations.undelivered(conversations), life)
        hub.users.recover(hub.users.undelivered(users), life)
