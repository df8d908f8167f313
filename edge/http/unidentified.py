"""UnidentifiedConnections limits the connections whose user is not known yet, per client address and in total."""

import math
from collections import Counter
from typing import Final


class UnidentifiedConnections:
    """The counts of one server, with their maximum per client address and in total; 0 is no limit."""

    def __init__(self, per_address: int, in_all: int) -> None:
        self._per_address = per_address or math.inf
        self._in_all = in_all or math.inf
        self._of_address: Counter[str] = Counter()
        self._total = 0

    def enter(self, address: str) -> "UnidentifiedConnection | None":
        """Return a place for a connection of this address; None if there is no room."""
        if self._of_address.get(address, 0) >= self._per_address or self._total >= self._in_all:
            return None
        self._of_address[address] += 1
        self._total += 1
        return UnidentifiedConnection(self, address)

    def release(self, address: str) -> None:
        """Free a place of this address."""
        self._total -= 1
        self._of_address[address] -= 1
        if not self._of_address[address]:
            del self._of_address[address]


class UnidentifiedConnection:
    """The place of one connection; `leave` frees it, once."""

    __slots__ = ("_address", "_counts")

    def __init__(self, counts: UnidentifiedConnections, address: str) -> None:
        self._counts: UnidentifiedConnections | None = counts
        self._address: Final = address

    def leave(self) -> bool:
        """Free the place: the user is known, or the connection is over. Return whether it was not free already."""
        if self._counts is None:
            return False
        self._counts.release(self._address)
        self._counts = None
        return True
