"""ClientSession holds a session on its node: identity, callbacks to its connection, commands in flight."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from core.identity import Identity
from edge.socket.channels.subscriber import Subscriber
from edge.socket.session.protocol import Authenticate, SessionProtocol
from projections.queries.own_writes import OwnWrites

Send = Callable[[bytes], None]
Share = Callable[[Coroutine[Any, Any, bytes]], Coroutine[Any, Any, bytes]]
MAX_CONCURRENT_ANSWERS: Final = 4
"""Maximum number of answers to queries that are computed for one connection at a time; other queries wait."""


async def always_ready() -> None:
    """Return at once: there is always room."""


def no_close(name: str) -> None:
    """Ignore a close: there is no connection to close."""


def no_renewal(login: Authenticate) -> None:
    """Ignore a renewal: the token is not checked."""


async def without_share(work: Coroutine[Any, Any, bytes]) -> bytes:
    """Run the work at once: no other user needs a share."""
    return await work


class ClientSession:
    """The session of one client. `send` takes replies and `push` pushes, whole frames, and neither raises; `ready`
    returns when there is room for more answers; `close` takes a name of `schemas.wire.errors.CLOSES`; `renew` takes
    another token and answers it; `share` runs work when its user has their share of the node; `actor_context` is how
    the user came here (`core.audit.actor_context`); `writes` holds what was acknowledged to the session; `answers`
    limits the answers that are computed; `syncing` is the last `sync` begun.
    """

    __slots__ = (
        "_changed",
        "actor_context",
        "answers",
        "close",
        "identity",
        "in_flight",
        "ready",
        "renew",
        "send",
        "session",
        "share",
        "subscriber",
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
        ready: Callable[[], Awaitable[None]] = always_ready,
        close: Callable[[str], None] = no_close,
        renew: Callable[[Authenticate], None] = no_renewal,
        share: Share = without_share,
        actor_context: str = "",
    ) -> None:
        self.actor_context: Final = actor_context
        self.session: Final = session
        self.identity = identity
        self.subscriber: Final = Subscriber(identity.tenant, identity.user_id, push or send)
        self.send: Final = send
        self.ready: Final = ready
        self.close: Final = close
        self.renew: Final = renew
        self.share: Final = share
        self.writes: Final = OwnWrites()
        self.in_flight = 0
        self.waiting = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.answers: Final = asyncio.Semaphore(MAX_CONCURRENT_ANSWERS)
        self.syncing: asyncio.Task[None] | None = None
        self._changed: asyncio.Event | None = None

    @property
    def log_fields(self) -> dict[str, str]:
        """What a line of the log says of it: the tenant and the session."""
        return {"tenant": self.identity.tenant, "session": self.session.id}

    def request_received(self) -> None:
        """Count a request as in flight until `answer`."""
        self.in_flight += 1

    def mark_waiting(self) -> None:
        """Count a command as waiting: its append is done or collected, and its answer waits for something else. It
        stays in flight, and `wait_for_appends` does not wait for it.
        """
        self.waiting += 1
        self._notify()

    def answer(self, frame: bytes, *, waited: bool = False) -> None:
        """Answer one request; `waited` says that it was marked as waiting."""
        self.send(frame)
        self.in_flight -= 1
        self.waiting -= waited
        self._notify()

    def _notify(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def at_most(self, in_flight: int) -> None:
        """Return when at most this many requests are in flight."""
        while self.in_flight > in_flight:
            if self._changed is None:
                self._changed = asyncio.Event()
            await self._changed.wait()

    async def wait_for_appends(self, except_for: int) -> None:
        """Return when, except for this many, every request in flight is marked as waiting."""
        while self.in_flight - self.waiting > except_for:
            if self._changed is None:
                self._changed = asyncio.Event()
            await self._changed.wait()
