"""What a line suffers on its way to a client: lost, doubled and swapped pushes, swallowed answers, breaks.

All of it comes from one seed. A push is lost, doubled or swapped only where it has a number, and not while the client
waits for a `sync`: so the protocol says how it finds out. What a `sync` tells comes whole or not at all.
"""

import random
from typing import Final

import msgspec

from edge.tools.conformance.client_checks import Client, Watched
from edge.tools.conformance.proxy import Cut
from schemas.wire import frames
from schemas.wire.errors import CLOSES

LOST: Final = 0.1
DOUBLED: Final = 0.04
SWAPPED: Final = 0.04
SWALLOWED: Final = 0.03
LASTS: Final = (60, 300)
"""So many frames a line passes to its client before it breaks."""
AWAY_MS: Final = 700


class Faulty:
    """One line between a client and its node, with faults; what passes is told to the client's watch."""

    def __init__(self, client: Client, chance: random.Random) -> None:
        self._watched = Watched(client)
        self._chance = chance
        self._left = chance.randint(*LASTS)
        self._held: str | None = None
        self._leaving = False

    def from_client(self, text: str) -> list[str]:
        """Passed on as it is."""
        self._watched.sent(text)
        return [text]

    def from_node(self, text: str) -> list[str]:
        """What of it the client is told now. Raises `Cut` when the line has lived long enough."""
        frame = msgspec.json.decode(text)
        self._left -= 1
        if self._leaving:
            if self._watched.left_late:
                raise Cut(CLOSES["draining"].code, self._pass([text]))
            return self._pass([text])
        if self._left < 0:
            return self._ends(text)
        if frame["type"] == "ack" and self._chance.random() < SWALLOWED:
            raise Cut  # it is done and the client never hears of it
        shaken = frame.get("lane") is not None and not self._watched.syncing
        return self._pass(self._shaken(text) if shaken else [text])

    def _ends(self, text: str) -> list[str]:
        """It breaks, or its node goes away: at once, or once the client has had time to leave. Raises `Cut`."""
        dice = self._chance.random()
        if dice < 0.4:
            raise Cut
        passed = self._pass([text, frames.going_away(AWAY_MS).decode()])
        if dice < 0.6:
            raise Cut(CLOSES["draining"].code, passed)
        self._leaving = True
        self._watched.to_be_left(AWAY_MS / 1000)
        return passed

    def _shaken(self, text: str) -> list[str]:
        dice = self._chance.random()
        if dice < LOST:
            return []
        if dice < LOST + DOUBLED:
            return [text, text]
        if dice < LOST + DOUBLED + SWAPPED and self._held is None:
            self._held = text
            return []
        return [text]

    def _pass(self, texts: list[str]) -> list[str]:
        if texts and self._held is not None:
            texts, self._held = [*texts, self._held], None
        for text in texts:
            self._watched.told(text)
        return texts

    def closed(self) -> None:
        """The line is over."""
        self._watched.closed()
