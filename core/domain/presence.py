"""How somebody is there, of all that their sessions say: many devices are one presence."""

from collections.abc import Collection
from typing import Final

from schemas.commands.signals import Status

ONLINE: Final[Status] = "online"
OFFLINE: Final = "offline"
FIRST: Final[tuple[Status, ...]] = ("busy", "online", "away")
"""Which word stands where sessions differ: who is busy anywhere is busy, who is away is away everywhere."""


def combined(statuses: Collection[str]) -> str:
    """The one status; of no session it is `offline`. What a newer version may say that this one does not know is left
    out, and where there is nothing else they are `online`.
    """
    if not statuses:
        return OFFLINE
    return next((status for status in FIRST if status in statuses), ONLINE)
