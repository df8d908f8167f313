"""GapRecovery does the jobs of channels that may wait: a push out of order, rows without a push, a joining subscriber.

A job retries in place while the store is down: nothing new is saved meanwhile, so the queue behind it stays short.
"""

import logging
from collections.abc import Callable
from typing import Final

from core.health import Health
from edge.socket.channels.channel_state import Join, Recover, order
from edge.socket.channels.delivery_meter import DeliveryMeter
from edge.socket.channels.lane_channel import LaneChannel
from edge.socket.channels.lane_source import LaneSource
from edge.socket.channels.store_reads import StoreReads
from projections.queries.lanes import LaneRow, Lanes
from schemas.wire.frames import Push, correlation_of

logger: Final = logging.getLogger("caas.hub")
MAX_VIEW_WAITS: Final = 5
"""Maximum number of waits for the view for one row of a joining subscriber."""


class GapRecovery:
    """Does the jobs of the channels of one kind on one node, one at a time for each channel."""

    def __init__(
        self,
        source: LaneSource,
        lanes: Lanes,
        store_reads: StoreReads,
        *,
        meter: DeliveryMeter,
        health: Health,
        look_soon: Callable[[], None],
    ) -> None:
        self._source = source
        self._lanes = lanes
        self._store_reads = store_reads
        self._health = health
        self._meter = meter
        self._look_soon = look_soon

    async def push(self, channel: LaneChannel, push: Push) -> None:
        """Deliver a push when the view is as new as it and everything before it has been delivered."""
        await self._store_reads.retry(channel, lambda: self._lanes.renew(push.model, push.generation))
        if not await channel.sees(push.conversation_n):
            self._health.count("push_early")
            return
        if order(channel.last, push.lane, push.n) == "gap":
            await self.recover(channel, Recover(), push.lane)
        if order(channel.last, push.lane, push.n) == "gap":  # its row is in a generation that is not known here
            await self._store_reads.retry(channel, self._lanes.refresh)
            await self.recover(channel, Recover(), push.lane)
        match order(channel.last, push.lane, push.n):
            case "duplicate":
                self._health.count("push_duplicate")
            case "next":
                self._meter.delivered(push, channel.deliver(push.lane, push))
            case "gap":  # nothing is passed over: the heads will show it, and this one too
                self._health.count("push_hole")
                of = {"correlation_id": correlation_of(push.frame)}
                known = channel.last.get(push.lane)
                logger.warning("%s of %s has %s, a push %d", push.lane, channel.id, known, push.n, extra=of)
                self._look_soon()

    async def recover(self, channel: LaneChannel, job: Recover, only: str = "") -> None:
        """Deliver the rows of lanes up to their heads."""
        heads, life = job.heads, job.life
        if heads is None:
            life = self._lanes.life
            heads = (await self._store_reads.retry(channel, lambda: self._source.heads([channel.id])))[channel.id]
        for lane in (only,) if only else channel.lanes:
            if lane in heads:
                await self._recover(channel, lane, heads[lane], life)

    async def _recover(self, channel: LaneChannel, lane: str, head: int, life: int) -> None:
        """Deliver rows up to a head of one `life` of the store: in another they may be missing, and heads are read
        again.
        """
        read, first, recovered = self._store_reads.retry, channel.last[lane], 0
        while channel.last[lane] < head and not channel.closed:
            beyond = channel.last[lane]
            page = await read(channel, lambda: self._source.page(channel.id, lane, beyond, head))  # noqa: B023
            if self._lanes.life != life:
                self._health.count("heal_waits")
                self._look_soon()
                return
            for row in page.rows:
                if not await channel.sees(row.conversation_n):
                    return
                if row.frame:
                    channel.deliver(lane, row)
                    recovered += 1
                channel.last[lane] = row.n
            channel.last[lane] = page.upto
        if recovered:
            self._health.count("healed", recovered)
            logger.debug("recovered %d of lane %s of %s, %d to %d", recovered, lane, channel.id, first + 1, head)

    async def join(self, channel: LaneChannel, job: Join) -> None:
        """Send a subscriber the rows from its start to the channel's position, then add it."""
        for lane in job.starts:
            await self._catch_up(channel, job, lane, channel.last[lane])
        if job.subscriber in channel.joining:
            channel.add(job.subscriber)

    async def _catch_up(self, channel: LaneChannel, job: Join, lane: str, upto: int) -> None:
        read = self._store_reads.retry
        while job.starts[lane] < upto and job.subscriber in channel.joining:
            beyond, life = job.starts[lane], self._lanes.life
            page = await read(channel, lambda: self._source.page(channel.id, lane, beyond, upto))  # noqa: B023
            if self._lanes.life != life:
                continue
            for row in page.rows:
                if await self._catches_up(channel, job, lane, row):
                    job.subscriber.push(row.frame)
                    self._health.count("caught_up")
                job.starts[lane] = row.n
            job.starts[lane] = page.upto

    async def _catches_up(self, channel: LaneChannel, job: Join, lane: str, row: LaneRow) -> bool:
        """Return whether a joining subscriber is sent this row. It waits for a view that lags, for as long as one may
        lag; a row that is newer even then is not sent: the client finds a hole there, and asks.
        """
        for attempt in range(MAX_VIEW_WAITS):
            if not row.frame or job.subscriber not in channel.joining:
                return False
            if await channel.sees(row.conversation_n, again=attempt > 0):
                theirs = channel.reads(job.subscriber, lane, row)
                return theirs and job.subscriber in channel.joining
        return False
