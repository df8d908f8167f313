"""Outcomes counts how the requests of one node are answered, and measures how long acknowledgments and queries take."""

import time
from collections.abc import Callable
from typing import Final, get_args

from core.health import Health
from core.histogram import Histogram
from edge.socket.session.protocol import CommandReceived
from schemas.commands import NAME_OF
from schemas.wire.answers import Level

_OK: Final = {kind: f"commands_{name}_ok" for kind, name in NAME_OF.items()}
"""The counter of each kind of request that is answered without an error, made once: it is counted for every message."""


class Outcomes:
    """The outcomes of one node. Call one method for each answer, at the moment of the answer; `now` is the clock of
    `CommandReceived.received_at`.
    """

    def __init__(self, health: Health, now: Callable[[], float] = time.perf_counter) -> None:
        self._health = health
        self._now = now
        self._acks: dict[Level, Histogram] = {
            level: health.histogram(f"ack_latency_{level}") for level in get_args(Level)
        }

    def acknowledged(self, request: CommandReceived, level: Level) -> None:
        """Count and measure the acknowledgment of a command with this level."""
        self._health.counted[_OK[type(request.command)]] += 1
        self._acks[level].observe(self._now() - request.received_at)

    def answered(self, request: CommandReceived) -> None:
        """Count and measure the answer to a query."""
        self._health.count(_OK[type(request.command)])
        name = NAME_OF[type(request.command)]
        self._health.histogram(f"query_latency_{name}").observe(self._now() - request.received_at)

    def done(self, request: CommandReceived) -> None:
        """Count the answer to a signal."""
        self._health.count(_OK[type(request.command)])

    def refused(self, request: CommandReceived, code: str) -> None:
        """Count an error of this code."""
        self._health.count(f"commands_{NAME_OF[type(request.command)]}_{code}")
