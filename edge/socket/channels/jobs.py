"""Jobs runs the waiting jobs of each channel in order, in one task that lives only while jobs wait."""

import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

from core.health import Health
from edge.socket.channels.channel_state import LIVE, Job, JobQueue, Join, Late, Opening, Recovering
from edge.socket.channels.gap_recovery import GapRecovery
from edge.socket.channels.lane_channel import LaneChannel
from schemas.wire.frames import Push, correlation_of

logger: Final = logging.getLogger("caas.hub")

Spawn = Callable[[str, Coroutine[Any, Any, None]], object]
"""Starts a named task, which its owner awaits at the end. Raises `NodeEnded`."""


class NodeEnded(Exception):
    """The node has failed or stopped before this session was closed: nothing more is answered."""


class Jobs:
    """The jobs of the channels of one kind; `done` is called after each, `look_soon` if a push may be lost."""

    def __init__(
        self,
        recovery: GapRecovery,
        done: Callable[[LaneChannel], None],
        look_soon: Callable[[], None],
        health: Health,
        spawn: Spawn,
    ) -> None:
        self._recovery = recovery
        self._done = done
        self._look_soon = look_soon
        self._health = health
        self._spawn = spawn

    def begin(self, channel: LaneChannel, job: Job) -> None:
        """Do a job when the ones before it are done and the channel is open. A closed one does none."""
        match channel.state:
            case Opening(queue=queue) | Late(queue=queue) | Recovering(queue=queue):
                if not queue.add(job):
                    self._health.count("push_dropped")
            case state if state is LIVE:
                channel.change(Recovering(JobQueue(deque((job,)))))
                self._start(channel)

    def opened(self, channel: LaneChannel) -> None:
        """Do what waited for an opening or a late channel, whose lanes begin now."""
        if not isinstance(channel.state, Opening | Late):
            return
        queue = channel.state.queue
        if queue.jobs:
            channel.change(Recovering(queue))
            self._start(channel)
        else:
            channel.change(LIVE)

    def _start(self, channel: LaneChannel) -> None:
        self._spawn(f"channel {channel.id}", self._work(channel))

    async def _work(self, channel: LaneChannel) -> None:
        while isinstance(channel.state, Recovering):
            job = channel.state.queue.next()
            if job is None:
                channel.change(LIVE)
                return
            try:
                await self._do(channel, job)
                self._done(channel)
            except Exception:
                self._health.count("push_failed")
                of = {"correlation_id": correlation_of(job.frame) if isinstance(job, Push) else ""}
                logger.exception("a job of %s failed", channel.id, extra=of)
                self._look_soon()

    async def _do(self, channel: LaneChannel, job: Job) -> None:
        if isinstance(job, Push):
            await self._recovery.push(channel, job)
        elif isinstance(job, Join):
            await self._recovery.join(channel, job)
        else:
            await self._recovery.recover(channel, job)
