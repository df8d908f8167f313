"""What may be lost without harm: the bus to the nodes, who holds whom, who is there, and cached answers."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol


class Bus(Protocol):
    """Publish and subscribe, at most once: a message published while nobody listens, or while it is down, is lost.

    `publish` raises `Unavailable` when the server is down. `subscribe` never ends by itself and reconnects inside;
    messages of one publisher come in order.
    """

    async def start(self) -> None:
        """Connect, without waiting for the server: what it is for may be lost."""
        ...

    async def stop(self) -> None:
        """Let go."""
        ...

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send each payload to its channel."""
        ...

    def subscribe(self, channel: str) -> AsyncIterator[bytes]:
        """The payloads of a channel, from the first step of the iterator on."""
        ...


class Presence(Protocol):
    """Which nodes hold a participant of a conversation, and where clients reach them.

    A node that does not say `alive`, or does not announce itself, within the TTL is forgotten. All raise `Unavailable`
    when the server is down. After the server lost its memory `alive` answers False once: the node then enters
    everything again.
    """

    async def start(self) -> None:
        """Connect, without waiting for the server: what it is for may be lost."""
        ...

    async def stop(self) -> None:
        """Let go."""
        ...

    async def alive(self, node: str, ttl_s: float) -> bool:
        """Say that a node lives for `ttl_s` more seconds; whether it was known before."""
        ...

    async def enter(self, node: str, conversations: Iterable[str]) -> None:
        """From now on this node holds a participant of these."""
        ...

    async def leave(self, node: str, conversations: Iterable[str]) -> None:
        """It no longer does."""
        ...

    async def nodes(self, conversations: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """The living nodes that hold a participant of each."""
        ...

    async def forget(self, node: str) -> None:
        """A node goes away."""
        ...

    async def announce(self, node: str, url: str, ttl_s: float) -> None:
        """For `ttl_s` more seconds clients may be sent to this node, at `url`."""
        ...

    async def withdraw(self, node: str) -> None:
        """From now on none may; harmless where none might."""
        ...

    async def announced(self) -> list[str]:
        """Where the nodes are reached that clients may be sent to, each once, in order."""
        ...


class There(NamedTuple):
    """How living nodes say that somebody is there: node → status; and when they were last seen, if that is known.

    `seen` is RFC 3339, in UTC with milliseconds, like all times here: such texts are in the order of their times.
    """

    statuses: Mapping[str, str]
    seen: str | None


class People(Protocol):
    """Which people are there, and who of them types. People and typists are keys of the caller's.

    What a node entered counts while it says `alive` within the TTL; of one that died its people were last seen when
    it last said so. Whoever is entered or left is remembered for 30 days from then on. All raise `Unavailable` when
    the server is down. After the server lost its memory `alive` answers False once: the node then enters everyone
    again. A call is for 1,000 people at most.
    """

    async def start(self) -> None:
        """Connect, without waiting for the server: what it is for may be lost."""
        ...

    async def stop(self) -> None:
        """Let go."""
        ...

    async def alive(self, node: str, now: str, ttl_s: float) -> bool:
        """Say that a node lives, for `ttl_s` more seconds; whether it was known before."""
        ...

    async def enter(self, node: str, statuses: Mapping[str, str], now: str) -> None:
        """These people are there at this node, each in this way."""
        ...

    async def leave(self, node: str, seen: Mapping[str, str]) -> None:
        """These are no longer; each was last seen then."""
        ...

    async def find(self, people: Sequence[str]) -> Mapping[str, There]:
        """How each of these is there."""
        ...

    async def forget(self, node: str, now: str) -> None:
        """A node goes away: its people were last seen now."""
        ...

    async def typing(
        self, began: Collection[str], ended: Collection[str], *, again_s: float, ttl_s: float
    ) -> frozenset[str]:
        """Which of these is news: a typist who began and whose beginning was no news within the last `again_s`, and
        one who ended within `ttl_s` after the beginning that was news last. A typist is in one of both; `again_s` is
        not more than `ttl_s`.
        """
        ...


class Cache(Protocol):
    """Answers kept for a while. Both raise `Unavailable` when the server is down: callers go on without."""

    async def start(self) -> None:
        """Connect, without waiting for the server: what it is for may be lost."""
        ...

    async def stop(self) -> None:
        """Let go."""
        ...

    async def get(self, key: str) -> bytes | None:
        """What is kept under a key."""
        ...

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep it for `ttl_s` seconds."""
        ...
