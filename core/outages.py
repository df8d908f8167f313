"""Outages log when a caller starts and stops waiting for a server; the log of a process has one line per server.

Each waiter has its own `Outage`, and its log records carry it: so `edge/process/logs.py` knows which lines are about
the same server. It keeps the first (the server is down) and the last (it is back), and leaves out the others.
"""

import logging
from typing import Final

logger: Final = logging.getLogger("caas.outage")
SERVERS: Final = ("MongoDB", "Kafka", "Redis", "search")
"""The names of servers in the causes of `Unavailable`."""
REPEATS: Final[dict[str, object]] = {"repeats": True}
"""`extra` of a line that may repeat very often: equal ones are logged once a minute, with their number."""


class Outage:
    """An outage as one waiter sees it: from the first failure to the first success, each logged once."""

    __slots__ = ("__weakref__", "begun", "cause", "server", "what")

    def __init__(self, what: str, server: str = "") -> None:
        self.what = what
        self.server = server
        self.cause = ""
        self.begun = False

    def begins(self, cause: object) -> None:
        """Record that a call failed; `cause` names the server, unless the waiter did."""
        if self.begun:
            return
        self.begun = True
        self.cause = str(cause) or type(cause).__name__
        self.server = self.server or server_of(self.cause)
        logger.warning("%s waits: %s", self.what, self.cause, extra={"outage": self})

    def ends(self) -> None:
        """Record that a call succeeded."""
        if not self.begun:
            return
        self.begun = False
        logger.warning("%s goes on", self.what, extra={"outage": self})


def server_of(cause: str) -> str:
    """Return the server that a cause names; empty if it names none."""
    return next((server for server in SERVERS if server.lower() in cause.lower()), "")
