"""Who may open a socket at this node: pages of our origins, clients that do not come too often, while there is room."""

import asyncio
import math
from collections import Counter
from typing import Final

from aiohttp import web

from core.health import Health
from core.identity import Identity
from core.keyed_rate_limit import KeyedBuckets
from core.ports.limits import Rate
from core.settings import Settings
from edge.http.connection import connection_of
from edge.http.origins import Origins
from edge.http.problems import HttpProblem
from edge.http.unidentified import UnidentifiedConnection, UnidentifiedConnections
from schemas.wire.errors import problem

FULL_MS: Final = 1_000
NAMELESS: Final = 10
"""A socket that ends before its user is known counts as so many handshakes: it is all work and no use."""


class Admission:
    """The doors of one node. A limit of 0 is none."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._health = health
        self._origins = Origins(settings.origins, settings.public_url)
        per_s = settings.handshakes_per_s
        self._handshakes = Rate(per_s, settings.handshakes_burst) if per_s else None
        self._at_node = settings.node_connections or math.inf
        self._of_user = settings.user_connections or math.inf
        self._guests = UnidentifiedConnections(
            settings.unauthenticated_per_address, settings.unauthenticated_connections
        )
        self._buckets = KeyedBuckets()
        self._seated: Counter[tuple[str, str]] = Counter()

    def enter(self, request: web.Request, sockets: int) -> UnidentifiedConnection:
        """Before the handshake, at a node that has so many `sockets`: a place for one whose user is not known yet.

        Raises `HttpProblem`.
        """
        self._check_origin(request)
        client = connection_of(request).client
        self._check_pace(client)
        if sockets >= self._at_node:
            self._health.count("node_full")
            detail = "this node has as many connections as it takes: ask the next one"
            raise HttpProblem(problem("unavailable", detail, retry_after_ms=FULL_MS))
        guest = self._guests.enter(client)
        if guest is None:
            self._health.count("unauthenticated_refused")
            detail = "too many connections wait for their login"
            raise HttpProblem(problem("rate_limited", detail, retry_after_ms=FULL_MS))
        return guest

    def ends(self, request: web.Request, guest: UnidentifiedConnection) -> None:
        """A socket is over; one whose user never was known counts as `NAMELESS` handshakes of its address."""
        if guest.leave() and self._handshakes is not None:
            now = asyncio.get_running_loop().time()
            self._buckets.spill(connection_of(request).client, self._handshakes, NAMELESS - 1, now)

    def seat(self, who: Identity) -> bool:
        """One more connection of this user, who gives it back by `leave`; False where they have as many as one may."""
        key = (who.tenant, who.user_id)
        if self._seated[key] >= self._of_user:
            self._health.count("user_connections_refused")
            return False
        self._seated[key] += 1
        return True

    def leave(self, who: Identity) -> None:
        """A connection that had a seat is over."""
        key = (who.tenant, who.user_id)
        self._seated[key] -= 1
        if not self._seated[key]:
            del self._seated[key]

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
