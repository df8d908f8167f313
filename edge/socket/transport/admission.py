"""Admission decides which sockets a node accepts: by origin, handshake rate and the number of connections."""

import asyncio
import math
from collections import Counter
from typing import Final

from aiohttp import web

from core.health import Health
from core.identity import Identity
from core.rate_limit import KeyedBuckets, Rate
from core.settings import Settings
from edge.http.connection import connection_of
from edge.http.origins import Origins
from edge.http.problems import HttpProblem
from edge.http.unidentified import UnidentifiedConnection, UnidentifiedConnections
from schemas.wire.errors import problem

FULL_MS: Final = 1_000
UNIDENTIFIED_COST: Final = 10
"""Number of handshakes that a socket counts for if it ends before its user is known: it costs work without use."""


class Admission:
    """The connection limits of one node; 0 is no limit."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._health = health
        self._origins = Origins(settings.origins, settings.public_url)
        per_s = settings.handshakes_per_s
        self._handshakes = Rate(per_s, settings.handshakes_burst) if per_s else None
        self._at_node = settings.node_connections or math.inf
        self._of_user = settings.user_connections or math.inf
        self._unidentified = UnidentifiedConnections(
            settings.unauthenticated_per_address, settings.unauthenticated_connections
        )
        self._buckets = KeyedBuckets()
        self._of_each_user: Counter[tuple[str, str]] = Counter()

    def admit(self, request: web.Request, sockets: int) -> UnidentifiedConnection:
        """Return a place for a socket whose user is not known yet, before its handshake; the node has `sockets` of
        them.

        Raises `HttpProblem`.
        """
        self._check_origin(request)
        client = connection_of(request).client
        self._check_pace(client)
        if sockets >= self._at_node:
            self._health.count("node_full")
            detail = "this node has as many connections as it takes: ask the next one"
            raise HttpProblem(problem("unavailable", detail, retry_after_ms=FULL_MS))
        place = self._unidentified.enter(client)
        if place is None:
            self._health.count("unauthenticated_refused")
            detail = "too many connections wait for their login"
            raise HttpProblem(problem("rate_limited", detail, retry_after_ms=FULL_MS))
        return place

    def release(self, request: web.Request, place: UnidentifiedConnection) -> None:
        """Release the place of a socket; an unidentified one costs `UNIDENTIFIED_COST` handshakes of its address."""
        if place.leave() and self._handshakes is not None:
            now = asyncio.get_running_loop().time()
            self._buckets.take_up_to(connection_of(request).client, self._handshakes, UNIDENTIFIED_COST - 1, now)

    def add_connection(self, who: Identity) -> bool:
        """Count a connection of this user until `remove_connection`; False if the user has the maximum already."""
        key = (who.tenant, who.user_id)
        if self._of_each_user[key] >= self._of_user:
            self._health.count("user_connections_refused")
            return False
        self._of_each_user[key] += 1
        return True

    def remove_connection(self, who: Identity) -> None:
        """Count a connection of this user no longer."""
        key = (who.tenant, who.user_id)
        self._of_each_user[key] -= 1
        if not self._of_each_user[key]:
            del self._of_each_user[key]

    def _check_origin(self, request: web.Request) -> None:
        origin = request.headers.get("Origin")
        if not self._origins.allows(origin, request.headers.get("Host", "")):
            self._health.count("origins_refused")
            raise HttpProblem(problem("forbidden_origin", "CAAS_ORIGINS names the pages that may connect"))

    def _check_pace(self, client: str) -> None:
        if self._handshakes is None:
            return
        wait_s = self._buckets.take(client, self._handshakes, 1, asyncio.get_running_loop().time())
        if wait_s:
            self._health.count("handshakes_refused")
            detail = "too many connections came from this address in a short time"
            raise HttpProblem(problem("rate_limited", detail, retry_after_ms=math.ceil(wait_s * 1000)))
