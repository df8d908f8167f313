"""Counts the connections to MongoDB that ended: no connection outlives the server that it was made to."""

# ruff: noqa: ARG002 - the driver's listener, of which two calls matter here

from pymongo import monitoring


class Lives(monitoring.ConnectionPoolListener):
    """A listener of one client. The driver calls it on threads of its own; a number alone is written."""

    def __init__(self) -> None:
        self.ended = 0

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None:
        """One was found broken, or was closed for another reason."""
        self.ended += 1

    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None:
        """The server did not answer: all of them are closed before they are used again."""
        self.ended += 1

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None:
        """Nothing ended."""

    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None:
        """Nothing ended."""

    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None:
        """Nobody uses the client any more."""

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None:
        """Nothing ended."""

    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None:
        """Nothing ended."""

    def connection_check_out_started(self, event: monitoring.ConnectionCheckOutStartedEvent) -> None:
        """Nothing ended."""

    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None:
        """Nothing ended."""

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        """Nothing ended."""

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        """Nothing ended."""
