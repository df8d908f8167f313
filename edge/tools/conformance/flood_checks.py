"""What a line may send beside its commands, and for how long it may say nothing."""

import asyncio
from typing import Final

from edge.tools.conformance.line import Failed
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World

PINGS: Final = 100
FLOOD: Final = 400
LOGIN_S: Final = 30.0
"""Maximum time that a line without a user is waited for to be closed: far more than the 10 s of the protocol."""


async def ends_a_late_login(world: World) -> None:
    """A line whose `auth` does not come is told `unauthorized` and closed with 4501 in time, though it pings."""
    async with world.raw() as nobody:
        async with asyncio.timeout(LOGIN_S):
            while not nobody.over:
                await nobody.ping()
                await asyncio.sleep(0.5)
        await nobody.closed(4501)
        if [frame["error"]["code"] for frame in nobody.said] != ["unauthorized"]:
            raise Failed(f"before the close comes {nobody.said}")


async def paces_control_frames(world: World) -> None:
    """A hundred pings at once are borne; many more at once close the line with 4429."""
    async with await world.line("ann") as ann:
        for _ in range(PINGS // 2):
            await ann.ping()
        await ann.done("conversation:list", {})
        for _ in range(FLOOD):
            await ann.ping()
        await ann.closed(4429)


CHECKS: Final[tuple[Check, ...]] = (ends_a_late_login, paces_control_frames)
