"""What waits in a channel is done by one task, in order, and only while something waits."""

import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

from core.health import Health
from edge.socket.channels.channel import JOBS, Channel, Heal, Job, Join
from edge.socket.channels.gap_recovery import GapRecovery
from schemas.wire.frames import Push, correlation_of

logger: Final = logging.getLogger("caas.hub")

Spawn = Callable[[str, Coroutine[Any, Any, None]], object]
"""Starts a named task that its owner awaits in the end. Raises `NodeEnded`."""


class NodeEnded(Exception):
    """The node has ended, by a failure or a stop, before this session was closed: nothing more is answered."""


class Jobs:
    """The jobs of one node's channels; `done` is called after each, `look_soon` where something went astray."""

    def __init__(
        self,
        healing: GapRecovery,
        done: Callable[[Channel], None],
        look_soon: Callable[[], None],
        health: Health,
        spawn: Spawn,
    ) -> None:
        self._healing = healing
        self._done = done
        self._look_soon = look_soon
        self._health = health
        self._spawn = spawn

    def begin(self, channel: Channel, job: Job) -> None:
        """Do a job as soon as those before it are done."""
        if channel.jobs is None:
            channel.jobs = deque((job,))
            self._start(channel)
        else:
            self.queue(channel, job)

    def queue(self, channel: Channel, job: Job) -> None:
        """Put a job behind those that wait; a push behind too many is dropped, and healed after them."""
        jobs = channel.jobs
        if jobs is None:
            raise LookupError(channel.id)
        if isinstance(job, Push) and len(jobs) >= JOBS:
            channel.behind = True
            self._health.count("push_dropped")
        else:
            jobs.append(job)

    def opened(self, channel: Channel) -> None:
        """A channel is open: what waited for that is done now, unless it is late."""
        if channel.opening is not None and not channel.opening.done():
            channel.opening.set_result(None)
        channel.opening = None
        if not channel.late:
            self._go_on(channel)

    def settled(self, channel: Channel) -> None:
        """The heads of a late channel have been read, and pushes up to them had time to come: its jobs are done now."""
        channel.settle()
        self._go_on(channel)

    def _go_on(self, channel: Channel) -> None:
        if channel.jobs:
            self._start(channel)
        else:
            channel.jobs = None

    def _start(self, channel: Channel) -> None:
        self._spawn(f"channel {channel.id}", self._work(channel))

    async def _work(self, channel: Channel) -> None:
        while channel.jobs and not channel.closed:
            job = channel.jobs.popleft()
            try:
                await self._do(channel, job)
                self._done(channel)
            except Exception:
                self._health.count("push_failed")
                of = {"correlation_id": correlation_of(job.frame) if isinstance(job, Push) else ""}
                logger.exception("a job of %s failed", channel.id, extra=of)
                self._look_soon()
            if not channel.jobs and channel.behind:
                channel.behind = False
                channel.jobs.append(Heal())
        channel.jobs = None

    async def _do(self, channel: Channel, job: Job) -> None:
        if isinstance(job, Push):
            await self._healing.push(channel, job)
        elif isinstance(job, Join):
            await self._healing.join(channel, job)
        else:
            await self._healing.heal(channel, job)
