"""DeliveryMeter counts and reports the pushes that a node handed to its sessions, and measures how long they took."""

import time
from collections.abc import Callable

from core.health import Health
from core.ports.tracer import UNTRACED, Tracer
from schemas.wire.frames import Push


class DeliveryMeter:
    """The meter of one node. `now` is in seconds since 1970, as the clocks of those who write the log: where they are
    ahead of this one, a push took no time.
    """

    def __init__(self, health: Health, now: Callable[[], float] = time.time, tracer: Tracer = UNTRACED) -> None:
        self._health = health
        self._tracer = tracer
        self._latency = health.histogram("delivery_latency")
        self._now = now

    def delivered(self, push: Push, sessions: int) -> None:
        """Count a push that was handed to so many sessions; measure it if the log said when it was appended."""
        self._health.counted["delivered"] += sessions
        if push.recorded_ms:
            seconds = self._now() - push.recorded_ms / 1000
            self._latency.observe(seconds if seconds > 0 else 0.0, sessions)
        self._tracer.delivered(push, sessions)
