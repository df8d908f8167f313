"""Detects restarts of MongoDB: a restarted server may have lost acknowledged writes."""

# ruff: noqa: ARG002 - the driver's listener interface, of which only some calls matter

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import monitoring
from pymongo.errors import OperationFailure

from projections.stores.mongo_writes import is_outage

SAME_START: Final = timedelta(seconds=1)
"""Maximum difference between two computed start times of one process: they are computed from two clocks."""


class Connections(monitoring.ConnectionPoolListener):
    """Counts the connections of one client that were opened or closed, since none outlives the server process. The
    driver calls it on its own threads; it writes only a number.
    """

    def __init__(self) -> None:
        self.changes = 0

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None:
        """Ignored: it is not connected to a process yet."""

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None:
        """Count it: it was broken, or closed for another reason."""
        self.changes += 1

    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None:
        """Count it: the server did not answer; all connections are closed before they are used again."""
        self.changes += 1

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None:
        """Ignored."""

    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None:
        """Ignored."""

    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None:
        """Ignored: the client is not used any more."""

    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None:
        """Count it: a check since it was created may have been answered by the earlier process."""
        self.changes += 1

    def connection_check_out_started(self, event: monitoring.ConnectionCheckOutStartedEvent) -> None:
        """Ignored."""

    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None:
        """Ignored."""

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        """Ignored."""

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        """Ignored."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a server. If `began` is None, `id` is never reused."""

    id: object
    began: datetime | None = None

    def is_surely(self, other: "Process") -> bool:
        """Return whether both are certainly one process."""
        if self.began is None or other.began is None:
            return self == other
        return self.id == other.id and abs(self.began - other.began) < SAME_START


class Lives:
    """Counts the store's lives: `life` increases when another server process answers, or may. Costs one or two
    commands for each connection that is opened or closed.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._checked = 0
        self._process: Process | None = None
        self._lock = asyncio.Lock()
        self.life = 0

    async def check(self, database: Any) -> None:
        """Check which process answers, if a connection changed since the last check. Raises the driver's errors."""
        if self._connections.changes == self._checked:
            return
        async with self._lock:
            changes = self._connections.changes
            if changes == self._checked:
                return
            found = await _process(database)
            if self._checked and (found is None or self._process is None or not found.is_surely(self._process)):
                self.life += 1
            self._process, self._checked = found, changes


async def _process(database: Any) -> Process | None:
    """Return the process that answers; None if it is unknown. MongoDB reports it since 4.4 to every client; for other
    servers it is computed from `serverStatus`, from the operating system's process.
    """
    if (version := (await _answer(database, "hello")).get("topologyVersion")) is not None:
        return Process(version["processId"])
    status = await _answer(database, "serverStatus")
    try:
        began = status["localTime"] - timedelta(milliseconds=int(status["uptimeMillis"]))
        return Process((status["host"], int(status["pid"])), began)
    except (KeyError, TypeError, ValueError):
        return None


async def _answer(database: Any, command: str) -> Mapping[str, Any]:
    """Run a command; return nothing if the server does not know it or does not allow it. Raises the driver's errors
    of a server that is down.
    """
    try:
        answer: Mapping[str, Any] = await database.command(command)
    except OperationFailure as error:
        if is_outage(error):
            raise
        return {}
    return answer
