"""The jobs of a channel that must wait: a push that is not next, rows that no push brought, a seat that comes in.

A store that is down is waited for in place: while it is, nothing new is saved, so hardly anything queues behind.
"""

import logging
from typing import Final

from core.health import Health
from core.ports.memberships import Memberships
from edge.socket.channels.channel import Channel, Heal, Join
from edge.socket.channels.store_reads import StoreReads
from projections.queries.lanes import LaneRow, Lanes
from schemas.wire.frames import LANES, Push, correlation_of

logger: Final = logging.getLogger("caas.hub")
PAGE: Final = 500
VIEW_S: Final = 1.0
VIEWS: Final = 5
"""So often a seat that comes in waits so long for the view."""


class GapRecovery:
    """Does the jobs of one node's channels; each channel has one at a time."""

    def __init__(self, memberships: Memberships, lanes: Lanes, turns: StoreReads, health: Health) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._turns = turns
        self._health = health

    async def push(self, channel: Channel, push: Push) -> None:
        """Deliver a push once the view is as new as it and all before it has been delivered."""
        await self._turns.retry(channel, lambda: self._lanes.renew(push.model, push.generation))
        if not await self._sees(channel, push.conversation_n):
            self._health.count("push_early")
            return
        known = channel.last.get(push.lane)
        if known is not None and push.n > known + 1:
            life = self._lanes.life
            await self.heal(channel, Heal(), push.lane)
            if self._lanes.life != life:  # not healed: the heads will tell of it, and of this one
                return
        known = channel.last.get(push.lane, push.n - 1)
        if push.n <= known:
            self._health.count("push_duplicate")
            return
        if push.n > known + 1:
            self._health.count("push_hole")
            of = {"correlation_id": correlation_of(push.frame)}
            logger.warning("%s of %s goes on at %d after %d", push.lane, channel.id, push.n, known, extra=of)
        shown = channel.show(push.lane, push.n, push.seq, push.conversation_n, push.frame)
        self._health.count("delivered", shown)

    async def heal(self, channel: Channel, job: Heal, only: str = "") -> None:
        """Deliver the rows of lanes up to their heads."""
        heads, life = job.heads, job.life
        if heads is None:
            life = self._lanes.life
            heads = (await self._turns.retry(channel, lambda: self._lanes.heads([channel.id])))[channel.id]
        for lane in (only,) if only else LANES:
            if lane in heads:
                await self._heal(channel, lane, heads[lane], life)

    async def _heal(self, channel: Channel, lane: str, head: int, life: int) -> None:
        """In one life of the store: in another the rows up to the head may not be there, and it is looked again."""
        read, first, healed = self._turns.retry, channel.last[lane], 0
        while channel.last[lane] < head and not channel.closed:
            beyond = channel.last[lane]
            told = await read(channel, lambda: self._lanes.told(channel.id, lane, beyond, head, PAGE))  # noqa: B023
            if self._lanes.life != life:
                self._health.count("heal_waits")
                return
            for one in told:
                if not await self._sees(channel, one.conversation_n):
                    return
                if one.frame:
                    channel.show(lane, one.n, one.seq, one.conversation_n, one.frame)
                    healed += 1
                channel.last[lane] = one.n
            if len(told) < PAGE:
                channel.last[lane] = head
        if healed:
            self._health.count("healed", healed)
            logger.debug("healed %d of lane %s of %s, %d to %d", healed, lane, channel.id, first + 1, head)

    async def join(self, channel: Channel, job: Join) -> None:
        """Tell a seat what lies between its start and where the channel stands, then put it in step."""
        for lane in job.starts:
            await self._catch_up(channel, job, lane, channel.last[lane])
        if job.seat in channel.joining:
            channel.take(job.seat)

    async def _catch_up(self, channel: Channel, job: Join, lane: str, upto: int) -> None:
        read = self._turns.retry
        while job.starts[lane] < upto and job.seat in channel.joining:
            beyond, life = job.starts[lane], self._lanes.life
            told = await read(channel, lambda: self._lanes.told(channel.id, lane, beyond, upto, PAGE))  # noqa: B023
            if self._lanes.life != life:
                continue
            for one in told:
                if await self._catches_up(channel, job, lane, one):
                    job.seat.push(one.frame)
                    self._health.count("caught_up")
                job.starts[lane] = one.n
            if len(told) < PAGE:
                job.starts[lane] = upto

    async def _catches_up(self, channel: Channel, job: Join, lane: str, one: LaneRow) -> bool:
        """Whether a row is told to a seat that comes in: the view is waited for as long as it may be behind. Of what it
        is too old for then nothing is told: the client finds a hole there, and asks.
        """
        for _ in range(VIEWS):
            if not one.frame or job.seat not in channel.joining:
                return False
            if await self._sees(channel, one.conversation_n):
                theirs = lane == "conversation" or channel.member(job.seat).reads(one.seq, one.conversation_n)
                return theirs and job.seat in channel.joining
            await self._memberships.wait_for(channel.id, one.conversation_n, VIEW_S)
        return False

    async def _sees(self, channel: Channel, n: int) -> bool:
        """Whether the view is as new as `n`, waiting a second, once, for it to be: who may read is not guessed.

        What is not shown because of that stays undelivered, and is healed when the view moves on.
        """
        if channel.view.n >= n:
            return True
        if n > channel.gave_up:
            await self._memberships.wait_for(channel.id, n, VIEW_S)
        view = self._memberships.get(channel.id)
        if view is not None and view.n > channel.view.n:
            channel.seen(view)
        if channel.view.n >= n:
            return True
        channel.gave_up = max(channel.gave_up, n)
        return False
