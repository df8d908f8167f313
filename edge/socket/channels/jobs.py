"""Jobs runs the waiting jobs of each channel in order, in one task that lives only while jobs wait."""

import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

from core.health import Health
from edge.socket.channels.channel import MAX_WAITING_PUSHES, Channel, Heal, Job, Join
from edge.socket.channels.gap_recovery import GapRecovery
from schemas.wire.frames import Push, correlation_of

logger: Final = logging.getLogger("caas.hub")

Spawn = Callable[[str, Coroutine[Any, Any, None]], object]
"""Starts a named task, which its owner awaits at the end. Raises `NodeEnded`."""


class NodeEnded(Exception):
    """The node has failed or stopped before this session was closed: nothing more is answered."""


class Jobs:
    """The jobs of one node's channels; `done` is called after each, `look_soon` if a push may be lost."""

    def __init__(
        self,
        recovery: GapRecovery,
        done: Callable[[Channel], None],
        look_soon: Callable[[], None],
        health: Health,
        spawn: Spawn,
    ) -> None:
        self._recovery = recovery
        self._done = done
        self._look_soon = look_soon
        self._health = health
        self._spawn = spawn

    def begin(self, channel: Channel, job: Job) -> None:
        """Do a job when the ones before it are done."""
        if channel.jobs is None:
            channel.jobs = deque((job,))
            self._start(channel)
        else:
            self.queue(channel, job)

    def queue(self, channel: Channel, job: Job) -> None:
        """Queue a job behind the waiting ones; a push behind too many of them is dropped, and healed after them."""
        jobs = channel.jobs
        if jobs is None:
            raise LookupError(channel.id)
        if isinstance(job, Push) and len(jobs) >= MAX_WAITING_PUSHES:
            channel.pushes_dropped = True
            self._health.count("push_dropped")
        else:
            jobs.append(job)

    def opened(self, channel: Channel) -> None:
        """Mark a channel as open and start its jobs, unless its heads are unknown."""
        if channel.opening is not None and not channel.opening.done():
            channel.opening.set_result(None)
        channel.opening = None
        if not channel.heads_unknown:
            self._go_on(channel)

    def begin_lanes(self, channel: Channel) -> None:
        """Begin the lanes of a channel whose heads were unknown and start its jobs: pushes up to the heads had time to
        come.
        """
        channel.begin_lanes()
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
            if not channel.jobs and channel.pushes_dropped:
                channel.pushes_dropped = False
                channel.jobs.append(Heal())
        channel.jobs = None

    async def _do(self, channel: Channel, job: Job) -> None:
        if isinstance(job, Push):
            await self._recovery.push(channel, job)
        elif isinstance(job, Join):
            await self._recovery.join(channel, job)
        else:
            await self._recovery.heal(channel, job)
