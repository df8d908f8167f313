"""Counts the connections that cost something before it is known whose they are, per client address and in all."""

import math
from collections import Counter
from typing import Final


class UnidentifiedConnections:
    """Maximum numbers of one client address and in all; 0 is no limit."""

    def __init__(self, per_address: int, in_all: int) -> None:
        self._per_address = per_address or math.inf
        self._in_all = in_all or math.inf
        self._of_address: Counter[str] = Counter()
        self._total = 0

    def enter(self, address: str) -> "UnidentifiedConnection | None":
        """A place for one more connection of this address; None where there is none."""
        if self._of_address.get(address, 0) >= self._per_address or self._total >= self._in_all:
            return None
        self._of_address[address] += 1
        self._total += 1
        return UnidentifiedConnection(self, address)

    def gives_back(self, address: str) -> None:
        """A place of this address is free again."""
        self._total -= 1
        self._of_address[address] -= 1
        if not self._of_address[address]:
            del self._of_address[address]


class UnidentifiedConnection:
    """A connection that is counted; `leave` gives its place back, once."""

    __slots__ = ("_address", "_guests")

    def __init__(self, guests: UnidentifiedConnections, address: str) -> None:
        self._guests: UnidentifiedConnections | None = guests
        self._address: Final = address

    def leave(self) -> bool:
        """It is known whose it is, or it is over; whether its place was not given back before."""
        if self._guests is None:
            return False
        self._guests.gives_back(self._address)
        self._guests = None
        return True
