"""What no push brought is found by looking at heads: once a heartbeat, and when something went astray."""

import asyncio
import contextlib
from typing import Final

from core.outages import Outage
from core.ports.event_log import Unavailable
from core.retry import FIRST_S, LONGEST_S
from edge.socket.delivery.hub import Hub
from projections.queries.lanes import HEADS_AT_ONCE, Lanes

SETTLING_S: Final = 1.0
"""A push that has not come so long after its head was seen is taken for lost."""


class HeadPoller:
    """Looks for one node, which holds the channels and users of a hub."""

    def __init__(self, lanes: Lanes, heartbeat_s: float) -> None:
        self._lanes = lanes
        self._heartbeat_s = heartbeat_s
        self._wake = asyncio.Event()

    def soon(self) -> None:
        """Something went astray."""
        self._wake.set()

    async def keep(self, hub: Hub) -> None:
        """Look for ever; a store that is down is tried again."""
        outage, pause = Outage("heads"), FIRST_S
        while True:
            with contextlib.suppress(TimeoutError):  # a heartbeat has passed
                async with asyncio.timeout(self._heartbeat_s):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self.look(hub)
                pause = FIRST_S
                outage.ends()
            except Unavailable as error:
                outage.begins(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_S)
                self.soon()

    async def look(self, hub: Hub) -> None:
        """Read the heads of all channels and users; what is still missing a second later is healed.

        Raises `Unavailable`.
        """
        held, life = list(hub.conversations), self._lanes.life
        channels: dict[str, dict[str, int]] = {}
        for start in range(0, len(held), HEADS_AT_ONCE):
            channels |= hub.behind(await self._lanes.heads(held[start : start + HEADS_AT_ONCE]))
        users = hub.users.behind(await hub.users.heads())
        if not channels and not users:
            return
        await asyncio.sleep(SETTLING_S)
        for key, heads in hub.behind(channels).items():
            hub.heal(key, heads, life)
        for key, head in hub.users.behind(users).items():
            hub.users.heal(key, head)
