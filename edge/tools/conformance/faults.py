"""Injects faults into a line to a client: lost, doubled and swapped pushes, lost answers, broken lines.

All faults derive from one seed. A push is lost, doubled or swapped only where it has a number, and not while the client
waits for a `sync`, so that the client can detect it by the protocol. The rows of a `sync` arrive completely or not at
all.
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
LIFETIME_FRAMES: Final = (60, 300)
"""Range of the number of frames that a line passes to its client before it breaks."""
AWAY_MS: Final = 700


class Faulty:
    """One line between a client and its node, with faults; reports every frame that passes to the client's watch."""

    def __init__(self, client: Client, chance: random.Random) -> None:
        self._watched = Watched(client)
        self._chance = chance
        self._left = chance.randint(*LIFETIME_FRAMES)
        self._held: str | None = None
        self._leaving = False

    def from_client(self, text: str) -> list[str]:
        """Pass the frame on unchanged."""
        self._watched.sent(text)
        return [text]

    def from_node(self, text: str) -> list[str]:
        """Return the frames that the client receives now. Raises `Cut` at the end of the line's lifetime."""
        frame = msgspec.json.decode(text)
        self._left -= 1
        if self._leaving:
            if self._watched.left_late:
                raise Cut(CLOSES["draining"].code, self._pass([text]))
            return self._pass([text])
        if self._left < 0:
            return self._end(text)
        if frame["type"] == "ack" and self._chance.random() < SWALLOWED:
            raise Cut  # the command is executed and the client gets no answer
        numbered = frame.get("lane") is not None and not self._watched.syncing
        return self._pass(self._disturbed(text) if numbered else [text])

    def _end(self, text: str) -> list[str]:
        """Break the line, or send going-away and close it, now or after the client had time to leave. Raises `Cut`."""
        dice = self._chance.random()
        if dice < 0.4:
            raise Cut
        passed = self._pass([text, frames.going_away(AWAY_MS).decode()])
        if dice < 0.6:
            raise Cut(CLOSES["draining"].code, passed)
        self._leaving = True
        self._watched.to_be_left(AWAY_MS / 1000)
        return passed

    def _disturbed(self, text: str) -> list[str]:
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
            self._watched.received(text)
        return texts

    def closed(self) -> None:
        """Report that the line is closed."""
        self._watched.closed()
