"""Outcomes counts and reports how the requests of one node are answered, and measures how long their answers take."""

import time
from collections.abc import Callable
from typing import Final, get_args

from core.health import Health
from core.histogram import Histogram
from core.ports.tracer import UNTRACED, Tracer
from edge.socket.session.protocol import CommandReceived
from schemas.commands import NAME_OF
from schemas.wire.answers import Level

OK: Final = "ok"
_OK: Final = {kind: f"commands_{name}_ok" for kind, name in NAME_OF.items()}
"""The counter of each kind of request that is answered without an error, made once: it is counted for every message."""


class Outcomes:
    """The outcomes of one node. Call one method for each answer, at the moment of the answer; `now` is the clock of
    `CommandReceived.received_at`.
    """

    def __init__(self, health: Health, now: Callable[[], float] = time.perf_counter, tracer: Tracer = UNTRACED) -> None:
        self._health = health
        self._tracer = tracer
        self._now = now
        self._acks: dict[Level, Histogram] = {
            level: health.histogram(f"ack_latency_{level}") for level in get_args(Level)
        }

    def acknowledged(self, request: CommandReceived, level: Level) -> None:
        """Count and measure the acknowledgment of a command with this level."""
        self._health.counted[_OK[type(request.command)]] += 1
        self._acks[level].observe(self._now() - request.received_at)
        self._report(request, OK)

    def answered(self, request: CommandReceived) -> None:
        """Count and measure the answer to a query."""
        self._health.count(_OK[type(request.command)])
        name = NAME_OF[type(request.command)]
        self._health.histogram(f"query_latency_{name}").observe(self._now() - request.received_at)
        self._report(request, OK)

    def done(self, request: CommandReceived) -> None:
        """Count the answer to a signal."""
        self._health.count(_OK[type(request.command)])
        self._report(request, OK)

    def refused(self, request: CommandReceived, code: str) -> None:
        """Count an error of this code."""
        self._health.count(f"commands_{NAME_OF[type(request.command)]}_{code}")
        self._report(request, code)

    def _report(self, request: CommandReceived, outcome: str) -> None:
        """Report it to the tracer, if it is in a trace."""
        if request.traceparent:
            name, began = NAME_OF[type(request.command)], request.received_at
            self._tracer.answered(name, request.traceparent, request.caller, began, outcome)
