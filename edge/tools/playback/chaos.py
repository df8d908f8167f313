"""Faults on demand, the same for the same seed: lines break in the middle of a frame's way, live pushes get lost.

A live push may get lost on its way to a node (a hint is only a hint), so any is fair game; what a sync tells may not,
so nothing is lost while one is unanswered. A push that was lost costs the line itself soon after: whether its hole
was seen by then or it was the last of its lane, the sync of the next line brings it.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import ClientWebSocketResponse, WSMessage, WSMsgType

CUTS: Final = 1 / 400
LOSSES: Final = 1 / 100
SOON_S: Final = (0.1, 1.0)
"""Of all frames, of all live pushes; and when a line breaks that lost one."""


class Head(msgspec.Struct):
    """As much of a frame as chaos looks at."""

    type: str = ""
    id: int | str | None = None
    lane: str | None = None


_head: Final = msgspec.json.Decoder(Head).decode


class Chaos:
    """What befalls the lines of a play, until it is `over`."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.cuts = 0
        self.losses = 0
        self.over = False
        self._lines: set[Faulty] = set()
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    def session(self, user: str) -> aiohttp.ClientSession:
        """What this user's lines are opened with."""
        if user not in self._sessions:
            kind = faulty(self, random.Random(f"{self.seed} {user}"))  # noqa: S311 - faults, no secret
            connector = aiohttp.TCPConnector(limit=0)
            self._sessions[user] = aiohttp.ClientSession(connector=connector, ws_response_class=kind)
        return self._sessions[user]

    def end(self) -> None:
        """No more faults but this, uncounted: every line breaks once more, so that everyone asks what they missed."""
        self.over = True
        lines, self._lines = self._lines, set()
        for line in lines:
            line.cut()

    def opened(self, line: "Faulty") -> None:
        """A line that may break."""
        self._lines.add(line)

    def closed(self, line: "Faulty", *, cut: bool) -> None:
        """It is closed; a cut counts once."""
        self.cuts += cut and line in self._lines
        self._lines.discard(line)

    async def close(self) -> None:
        """Close what lines were opened with."""
        for session in self._sessions.values():
            await session.close()


@asynccontextmanager
async def raging(seed: int | None) -> AsyncIterator[Chaos | None]:
    """Chaos of this seed; none where there is none."""
    chaos = None if seed is None else Chaos(seed)
    try:
        yield chaos
    finally:
        if chaos is not None:
            await chaos.close()


class Faulty(ClientWebSocketResponse):
    """A line that breaks and loses by chance; aiohttp makes it where it would make its own."""

    chaos: Chaos
    chances: random.Random
    gone = False

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._syncs: set[int | str | None] = set()
        self.chaos.opened(self)

    async def send_frame(self, message: bytes, opcode: WSMsgType, compress: int | None = None) -> None:
        """Send it, and note a sync."""
        head = _head(message)
        if head.type == "sync":
            self._syncs.add(head.id)
        await super().send_frame(message, opcode, compress)

    async def receive(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - aiohttp's own
        """The next frame that is not lost; none comes any more once the line is cut."""
        while not self.gone:
            message = await super().receive(timeout)
            if message.type is not WSMsgType.TEXT or self.gone or self.chaos.over:
                break
            if not self._struck(_head(message.data)):
                return message
        if self.gone:
            return WSMessage(WSMsgType.CLOSED, None, None)
        if message.type is not WSMsgType.TEXT:
            self.chaos.closed(self, cut=False)
        return message

    def cut(self) -> None:
        """The line is gone without a word."""
        self.chaos.closed(self, cut=True)
        self.gone = True
        if self._conn is not None and self._conn.transport is not None:
            self._conn.transport.abort()

    def _struck(self, head: Head) -> bool:
        """Whether this frame does not arrive."""
        self._syncs.discard(head.id)
        if self.chances.random() < CUTS:
            self.cut()
        elif head.lane is not None and not self._syncs and self.chances.random() < LOSSES:
            self.chaos.losses += 1
            self._loop.call_later(self.chances.uniform(*SOON_S), self.cut)
            return True
        return self.gone


def faulty(chaos: Chaos, chances: random.Random) -> type[Faulty]:
    """The lines of one user."""
    return type("FaultyLine", (Faulty,), {"chaos": chaos, "chances": chances})
