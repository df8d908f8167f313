"""Which process of MongoDB answers: one that was started anew may have lost what it had confirmed."""

# ruff: noqa: ARG002 - the driver's listener, of which some calls matter here

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import monitoring
from pymongo.errors import OperationFailure

from projections.stores.mongo_writes import is_outage

SAME_START: Final = timedelta(seconds=1)
"""How far two answers of one process may differ in when it began: it says so by two clocks."""


class Connections(monitoring.ConnectionPoolListener):
    """A listener of one client: counts the connections that were made or ended, since none outlives the process that
    it was made to. The driver calls it on threads of its own; a number alone is written.
    """

    def __init__(self) -> None:
        self.changes = 0

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None:
        """Nothing changed: it is tied to no process yet."""

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None:
        """One was found broken, or was closed for another reason."""
        self.changes += 1

    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None:
        """The server did not answer: all of them are closed before they are used again."""
        self.changes += 1

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None:
        """Nothing changed."""

    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None:
        """Nothing changed."""

    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None:
        """Nobody uses the client any more."""

    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None:
        """A look since it was made may have been answered by the process before."""
        self.changes += 1

    def connection_check_out_started(self, event: monitoring.ConnectionCheckOutStartedEvent) -> None:
        """Nothing changed."""

    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None:
        """Nothing changed."""

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        """Nothing changed."""

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        """Nothing changed."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a server. `id` is never given twice where `began` is None."""

    id: object
    began: datetime | None = None

    def is_surely(self, other: "Process") -> bool:
        """Whether both are one process."""
        if self.began is None or other.began is None:
            return self == other
        return self.id == other.id and abs(self.began - other.began) < SAME_START


class Lives:
    """The store's life: it becomes another where another process answers than before, or may. Costs a command or two
    for each connection that is made or ends.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._looked = 0
        self._process: Process | None = None
        self._looking = asyncio.Lock()
        self.life = 0

    async def look(self, database: Any) -> None:
        """Ask who answers, where a connection was made or ended since the last look. Raises the driver's errors."""
        if self._connections.changes == self._looked:
            return
        async with self._looking:
            changes = self._connections.changes
            if changes == self._looked:
                return
            found = await _process(database)
            if self._looked and (found is None or self._process is None or not found.is_surely(self._process)):
                self.life += 1
            self._process, self._looked = found, changes


async def _process(database: Any) -> Process | None:
    """Who answers; None where the server does not say. MongoDB does since 4.4 to everybody; for others it is what
    their `serverStatus` says of their operating system's process.
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
    """Nothing where the server does not know the command, or does not allow it. Raises the driver's errors of a server
    that is away.
    """
    try:
        answer: Mapping[str, Any] = await database.command(command)
    except OperationFailure as error:
        if is_outage(error):
            raise
        return {}
    return answer
