"""An outage is logged by whoever waits for its end; the log of a process makes one line per server of it.

Each waiter has an `Outage` of its own. What it logs carries the `Outage`, so that `edge/process/logs.py` knows which
lines are about the same server: the first says that it is down, the last that it is back, the others are left out.
"""

import logging
from typing import Final

logger: Final = logging.getLogger("caas.outage")
SERVERS: Final = ("MongoDB", "Kafka", "Redis", "search")
"""How the causes of `Unavailable` name the servers."""
REPEATS: Final[dict[str, object]] = {"repeats": True}
"""`extra` of a line that may come very often: of those that say the same one is logged a minute, with their number."""


class Outage:
    """One waiter's outage: begins with the first failure, ends with the first success, each logged once."""

    __slots__ = ("__weakref__", "begun", "cause", "server", "what")

    def __init__(self, what: str, server: str = "") -> None:
        self.what = what
        self.server = server
        self.cause = ""
        self.begun = False

    def begins(self, cause: object) -> None:
        """A call failed; `cause` names the server, unless the waiter did."""
        if self.begun:
            return
        self.begun = True
        self.cause = str(cause) or type(cause).__name__
        self.server = self.server or server_of(self.cause)
        logger.warning("%s waits: %s", self.what, self.cause, extra={"outage": self})

    def ends(self) -> None:
        """A call succeeded."""
        if not self.begun:
            return
        self.begun = False
        logger.warning("%s goes on", self.what, extra={"outage": self})


def server_of(cause: str) -> str:
    """The server that a cause names; empty where it names none."""
    return next((server for server in SERVERS if server.lower() in cause.lower()), "")
