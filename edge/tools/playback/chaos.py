"""Chaos injects faults, the same for the same seed: it breaks lines and loses live pushes.

Pushes are best effort, so any live push may be lost; the rows of a sync may not, so nothing is lost while a sync is
unanswered. The line that lost a push is cut soon after: whether the client noticed the gap or the push was the last of
its lane, the sync on the next line recovers it.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import ClientWebSocketResponse, WSMessage, WSMsgType

CUT_PROBABILITY: Final = 1 / 400
"""Of each frame."""
LOSS_PROBABILITY: Final = 1 / 100
"""Of each live push."""
CUT_DELAY_S: Final = (0.1, 1.0)
"""Delay between a lost push and the cut of its line."""


class Head(msgspec.Struct):
    """The fields of a frame that chaos reads."""

    type: str = ""
    id: int | str | None = None
    lane: str | None = None


_head: Final = msgspec.json.Decoder(Head).decode


class Chaos:
    """Injects faults into the lines of a play until it is `over`, and counts them."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.cuts = 0
        self.losses = 0
        self.over = False
        self._lines: set[Faulty] = set()
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    def session(self, user: str) -> aiohttp.ClientSession:
        """Return the HTTP session that opens this user's lines."""
        if user not in self._sessions:
            kind = faulty_class(self, random.Random(f"{self.seed} {user}"))  # noqa: S311 - faults, no secret
            connector = aiohttp.TCPConnector(limit=0)
            self._sessions[user] = aiohttp.ClientSession(connector=connector, ws_response_class=kind)
        return self._sessions[user]

    def end(self) -> None:
        """Stop injecting faults, and cut every line once more, uncounted, so that every client syncs what it missed."""
        self.over = True
        lines, self._lines = self._lines, set()
        for line in lines:
            line.cut()

    def opened(self, line: "Faulty") -> None:
        """Register an open line."""
        self._lines.add(line)

    def closed(self, line: "Faulty", *, cut: bool) -> None:
        """Remove a closed line; a cut counts once."""
        self.cuts += cut and line in self._lines
        self._lines.discard(line)

    async def close(self) -> None:
        """Close the HTTP sessions."""
        for session in self._sessions.values():
            await session.close()


@asynccontextmanager
async def optional_chaos(seed: int | None) -> AsyncIterator[Chaos | None]:
    """Yield chaos of this seed, or None where the seed is None."""
    chaos = None if seed is None else Chaos(seed)
    try:
        yield chaos
    finally:
        if chaos is not None:
            await chaos.close()


class Faulty(ClientWebSocketResponse):
    """A WebSocket that breaks and loses frames at random; aiohttp creates it in place of its own class."""

    chaos: Chaos
    chances: random.Random
    gone = False

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._syncs: set[int | str | None] = set()
        self.chaos.opened(self)

    async def send_frame(self, message: bytes, opcode: WSMsgType, compress: int | None = None) -> None:
        """Send it, and remember the id of a sync."""
        head = _head(message)
        if head.type == "sync":
            self._syncs.add(head.id)
        await super().send_frame(message, opcode, compress)

    async def receive(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - aiohttp's own
        """Return the next frame that is not lost; after a cut, CLOSED."""
        while not self.gone:
            message = await super().receive(timeout)
            if message.type is not WSMsgType.TEXT or self.gone or self.chaos.over:
                break
            if not self._is_lost(_head(message.data)):
                return message
        if self.gone:
            return WSMessage(WSMsgType.CLOSED, None, None)
        if message.type is not WSMsgType.TEXT:
            self.chaos.closed(self, cut=False)
        return message

    def cut(self) -> None:
        """Abort the line without a close frame."""
        self.chaos.closed(self, cut=True)
        self.gone = True
        if self._conn is not None and self._conn.transport is not None:
            self._conn.transport.abort()

    def _is_lost(self, head: Head) -> bool:
        """Decide whether this frame is lost."""
        self._syncs.discard(head.id)
        if self.chances.random() < CUT_PROBABILITY:
            self.cut()
        elif head.lane is not None and not self._syncs and self.chances.random() < LOSS_PROBABILITY:
            self.chaos.losses += 1
            self._loop.call_later(self.chances.uniform(*CUT_DELAY_S), self.cut)
            return True
        return self.gone


def faulty_class(chaos: Chaos, chances: random.Random) -> type[Faulty]:
    """Return the class of one user's lines."""
    return type("FaultyLine", (Faulty,), {"chaos": chaos, "chances": chances})
