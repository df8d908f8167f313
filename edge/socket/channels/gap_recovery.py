"""GapRecovery does the jobs of channels that may wait: a push out of order, rows without a push, a joining subscriber.

A job retries in place while the store is down: nothing new is saved meanwhile, so the queue behind it stays short.
"""

import logging
from collections.abc import Callable
from typing import Final, Literal

from core.health import Health
from core.ports.memberships import Memberships
from edge.socket.channels.channel import Channel, Heal, Join
from edge.socket.channels.store_reads import StoreReads
from projections.queries.lanes import LaneRow, Lanes
from schemas.wire.frames import LANES, Push, correlation_of

logger: Final = logging.getLogger("caas.hub")
PAGE: Final = 500
VIEW_TIMEOUT_S: Final = 1.0
"""Maximum time of one wait for the view."""
MAX_VIEW_WAITS: Final = 5
"""Maximum number of such waits for one row of a joining subscriber."""


class GapRecovery:
    """Does the jobs of one node's channels, one at a time for each channel."""

    def __init__(
        self,
        memberships: Memberships,
        lanes: Lanes,
        store_reads: StoreReads,
        health: Health,
        look_soon: Callable[[], None],
    ) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._store_reads = store_reads
        self._health = health
        self._look_soon = look_soon

    async def push(self, channel: Channel, push: Push) -> None:
        """Deliver a push when the view is as new as it and everything before it has been delivered."""
        await self._store_reads.retry(channel, lambda: self._lanes.renew(push.model, push.generation))
        if not await self._sees(channel, push.conversation_n):
            self._health.count("push_early")
            return
        if self._order(channel, push) == "gap":
            await self.heal(channel, Heal(), push.lane)
        if self._order(channel, push) == "gap":  # its row was saved before it: in a generation that is not known here
            await self._store_reads.retry(channel, self._lanes.refresh)
            await self.heal(channel, Heal(), push.lane)
        match self._order(channel, push):
            case "duplicate":
                self._health.count("push_duplicate")
            case "next":
                shown = channel.deliver(push.lane, push.n, push.seq, push.conversation_n, push.frame)
                self._health.count("delivered", shown)
            case "gap":  # nothing is passed over: the heads will show it, and this one too
                self._health.count("push_hole")
                of = {"correlation_id": correlation_of(push.frame)}
                known = channel.last.get(push.lane)
                logger.warning("%s of %s has %s, a push %d", push.lane, channel.id, known, push.n, extra=of)
                self._look_soon()

    @staticmethod
    def _order(channel: Channel, push: Push) -> Literal["duplicate", "next", "gap"]:
        """Return where a push stands behind what was delivered of its lane."""
        known = channel.last.get(push.lane, push.n - 1)
        if push.n <= known:
            return "duplicate"
        return "next" if push.n == known + 1 else "gap"

    async def heal(self, channel: Channel, job: Heal, only: str = "") -> None:
        """Deliver the rows of lanes up to their heads."""
        heads, life = job.heads, job.life
        if heads is None:
            life = self._lanes.life
            heads = (await self._store_reads.retry(channel, lambda: self._lanes.heads([channel.id])))[channel.id]
        for lane in (only,) if only else LANES:
            if lane in heads:
                await self._heal(channel, lane, heads[lane], life)

    async def _heal(self, channel: Channel, lane: str, head: int, life: int) -> None:
        """Deliver rows up to a head of one `life` of the store: in another they may be missing, and heads are read
        again.
        """
        read, first, healed = self._store_reads.retry, channel.last[lane], 0
        while channel.last[lane] < head and not channel.closed:
            beyond = channel.last[lane]
            rows = await read(channel, lambda: self._lanes.rows_between(channel.id, lane, beyond, head, PAGE))  # noqa: B023
            if self._lanes.life != life:
                self._health.count("heal_waits")
                return
            for row in rows:
                if not await self._sees(channel, row.conversation_n):
                    return
                if row.frame:
                    channel.deliver(lane, row.n, row.seq, row.conversation_n, row.frame)
                    healed += 1
                channel.last[lane] = row.n
            if len(rows) < PAGE:
                channel.last[lane] = head
        if healed:
            self._health.count("healed", healed)
            logger.debug("healed %d of lane %s of %s, %d to %d", healed, lane, channel.id, first + 1, head)

    async def join(self, channel: Channel, job: Join) -> None:
        """Send a subscriber the rows from its start to the channel's position, then add it."""
        for lane in job.starts:
            await self._catch_up(channel, job, lane, channel.last[lane])
        if job.subscriber in channel.joining:
            channel.add(job.subscriber)

    async def _catch_up(self, channel: Channel, job: Join, lane: str, upto: int) -> None:
        read = self._store_reads.retry
        while job.starts[lane] < upto and job.subscriber in channel.joining:
            beyond, life = job.starts[lane], self._lanes.life
            rows = await read(channel, lambda: self._lanes.rows_between(channel.id, lane, beyond, upto, PAGE))  # noqa: B023
            if self._lanes.life != life:
                continue
            for row in rows:
                if await self._catches_up(channel, job, lane, row):
                    job.subscriber.push(row.frame)
                    self._health.count("caught_up")
                job.starts[lane] = row.n
            if len(rows) < PAGE:
                job.starts[lane] = upto

    async def _catches_up(self, channel: Channel, job: Join, lane: str, row: LaneRow) -> bool:
        """Return whether a joining subscriber is sent this row. It waits for a view that lags, for as long as one may
        lag; a row that is newer even then is not sent: the client finds a hole there, and asks.
        """
        for _ in range(MAX_VIEW_WAITS):
            if not row.frame or job.subscriber not in channel.joining:
                return False
            if await self._sees(channel, row.conversation_n):
                theirs = lane == "conversation" or channel.member(job.subscriber).reads(row.seq, row.conversation_n)
                return theirs and job.subscriber in channel.joining
            await self._memberships.wait_for(channel.id, row.conversation_n, VIEW_TIMEOUT_S)
        return False

    async def _sees(self, channel: Channel, n: int) -> bool:
        """Return whether the view is as new as `n`, after one wait of at most a second: readers are never guessed.

        What is not delivered because of that is healed when the view is newer.
        """
        if channel.view.n >= n:
            return True
        if n > channel.skipped_view_version:
            await self._memberships.wait_for(channel.id, n, VIEW_TIMEOUT_S)
        view = self._memberships.get(channel.id)
        if view is not None and view.n > channel.view.n:
            channel.set_view(view)
        if channel.view.n >= n:
            return True
        channel.skipped_view_version = max(channel.skipped_view_version, n)
        return False
