"""Combine the statuses of all sessions of a user into one presence."""

from collections.abc import Collection
from typing import Final

from schemas.commands.signals import Status

ONLINE: Final[Status] = "online"
OFFLINE: Final = "offline"
FIRST: Final[tuple[Status, ...]] = ("busy", "online", "away")
"""Statuses by precedence: a user is busy if any session is busy, and away only if all are away."""


def combined(statuses: Collection[str]) -> str:
    """Return the combined status; `offline` without a session. Statuses of newer versions, unknown to this one, are
    ignored; if there are no others it is `online`.
    """
    if not statuses:
        return OFFLINE
    return next((status for status in FIRST if status in statuses), ONLINE)
