"""Serve the route that changes what this process logs, and record its use in the log of the system."""

import os
import socket
from typing import Final

from aiohttp import web

from core.clock import SystemClock
from core.ports.event_log import EventLog
from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.composition.node import random_id
from edge.http.log_level import LogLevelEntrance, add_log_level_route
from streams.audit.log_audit import LogAudit

SOURCE: Final = "/caas/log-level"


class LogLevel:
    """The route of one process; where the settings have no token secret nobody can be recognised, and there is none."""

    def __init__(self, settings: Settings, service: str) -> None:
        self._entrance: LogLevelEntrance | None = None
        if settings.token_secret:
            tokens = Tokens(settings.token_secret, settings.token_ttl_s, tenants=(settings.tenant,))
            self._entrance = LogLevelEntrance(tokens, f"{service}@{socket.gethostname()}:{os.getpid()}")

    def serve(self, app: web.Application) -> None:
        """Serve it; until `recorded_in` it answers 503."""
        if self._entrance is not None:
            add_log_level_route(app, self._entrance)

    def recorded_in(self, log: EventLog) -> None:
        """Record changes in this log, and allow them from now on."""
        if self._entrance is not None:
            self._entrance.open(LogAudit(log, SystemClock(), SOURCE, random_id))
