"""Which people are online, and who of them types; may be lost without harm."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol


class PresenceRecord(NamedTuple):
    """How living nodes say that somebody is there: node → status; and when they were last seen, if that is known.

    `seen` is RFC 3339, in UTC with milliseconds, like all times here: such texts are in the order of their times.
    """

    statuses: Mapping[str, str]
    seen: str | None


class PresenceStore(Protocol):
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

    async def find(self, people: Sequence[str]) -> Mapping[str, PresenceRecord]:
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
