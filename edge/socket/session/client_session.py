"""One session as its node has it: who it is, how it is reached, and what it still waits for."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from core.identity import Identity
from edge.socket.channels.subscriber import Subscriber
from edge.socket.session.protocol import Authenticate, SessionProtocol
from projections.queries.own_writes import OwnWrites

Send = Callable[[bytes], None]
Share = Callable[[Coroutine[Any, Any, bytes]], Coroutine[Any, Any, bytes]]
ANSWERS: Final = 4
"""Maximum of answers to queries that are made for one connection at a time; the others wait in memory unmade."""


async def at_once() -> None:
    """There is always room."""


def not_closed(name: str) -> None:
    """Nobody to tell."""


def not_renewed(login: Authenticate) -> None:
    """A session whose token is nobody's concern."""


async def not_shared(work: Coroutine[Any, Any, bytes]) -> bytes:
    """Nobody else is there."""
    return await work


class ClientSession:
    """`send` takes replies and `push` pushes, whole frames, and neither raises; `ready` returns when there is room
    for more of what the client asked for; `close` is told a name of `schemas.wire.errors.CLOSES`; `renew` takes another
    token and answers it; `share` does work when its user has their share in the node; `writes` has what was
    acknowledged to it; `answers` are the places of those that are made, and `syncing` is the last `sync` that was
    begun.
    """

    __slots__ = (
        "_moved",
        "answers",
        "close",
        "identity",
        "in_flight",
        "ready",
        "renew",
        "seat",
        "send",
        "session",
        "share",
        "syncing",
        "tasks",
        "waiting",
        "writes",
    )

    def __init__(
        self,
        session: SessionProtocol,
        identity: Identity,
        send: Send,
        *,
        push: Send | None = None,
        ready: Callable[[], Awaitable[None]] = at_once,
        close: Callable[[str], None] = not_closed,
        renew: Callable[[Authenticate], None] = not_renewed,
        share: Share = not_shared,
    ) -> None:
        self.session: Final = session
        self.identity = identity
        self.seat: Final = Subscriber(identity.tenant, identity.user_id, push or send)
        self.send: Final = send
        self.ready: Final = ready
        self.close: Final = close
        self.renew: Final = renew
        self.share: Final = share
        self.writes: Final = OwnWrites()
        self.in_flight = 0
        self.waiting = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.answers: Final = asyncio.Semaphore(ANSWERS)
        self.syncing: asyncio.Task[None] | None = None
        self._moved: asyncio.Event | None = None

    def asked(self) -> None:
        """A command came in; it is in flight until `answer`."""
        self.in_flight += 1

    def waits(self) -> None:
        """Of one command all is in the log that is to be, and its answer waits for something else: it stays in flight,
        and nobody needs to wait for it.
        """
        self.waiting += 1
        self._moves()

    def answer(self, frame: bytes, *, waited: bool = False) -> None:
        """Answer one command; `waited` says that it is one of those that wait."""
        self.send(frame)
        self.in_flight -= 1
        self.waiting -= waited
        self._moves()

    def _moves(self) -> None:
        if self._moved is not None:
            self._moved.set()
            self._moved = None

    async def at_most(self, in_flight: int) -> None:
        """Return when no more than this many commands are in flight."""
        while self.in_flight > in_flight:
            if self._moved is None:
                self._moved = asyncio.Event()
            await self._moved.wait()

    async def settled(self, besides: int) -> None:
        """Return when, besides so many, no command is in flight but those that wait."""
        while self.in_flight - self.waiting > besides:
            if self._moved is None:
                self._moved = asyncio.Event()
            await self._moved.wait()
