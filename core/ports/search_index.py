"""SearchIndex finds messages by their words; its hits are candidates, the rows are authoritative."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from core.ports.event_log import Unavailable
from schemas.topics import Partition

Positions = Mapping[Partition, int]
"""The next position of each partition."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The index entry of one message; `text` None removes it from searches. An older `version` never replaces a newer.

    `order` sorts all messages by age, `offset` is its place in its partition; neither ever changes.
    """

    message_id: str
    version: int
    tenant: str
    conversation_id: str
    text: str | None
    sender: str
    offset: int
    order: int


END: Final = (1 << 48) - 1
"""Greater than every offset."""


class OffsetRange(NamedTuple):
    """The messages of a conversation from offset `first` to `last`; a conversation may have several ranges."""

    conversation_id: str
    first: int = 0
    last: int = END

    @property
    def whole(self) -> bool:
        """Whether it is the whole conversation."""
        return (self.first, self.last) == (0, END)


@dataclass(frozen=True, slots=True)
class Query:
    """Messages with all of these tokens (core.search_text), and a token that begins with `prefix`, in these ranges."""

    tenant: str
    tokens: Sequence[str]
    ranges: Sequence[OffsetRange]
    prefix: str | None = None
    sender: str | None = None


class Hit(NamedTuple):
    """A message that was found, or a place in the result: newest first, of equal `order` the greater id first.

    A place has no message id: it is older than all messages of its order.
    """

    order: int
    message_id: str = ""

    def is_before(self, place: "Hit | None") -> bool:
        """Return whether this is older than `place`; always true if that is None."""
        return place is None or self < place


@dataclass(frozen=True, slots=True)
class Hits:
    """A page of a result, newest first; `rest` is the place where the next page starts, None if there is none."""

    found: Sequence[Hit]
    rest: Hit | None = None


class IndexBehind(Exception):
    """The index is not complete, or has lost entries: it was deleted, emptied or restored from a backup. Fill it."""


TIMEOUT_S: Final = 0.5
"""Timeout of one page, in seconds."""


class SearchTimeout(Exception):
    """A search took longer than its timeout. Nothing is wrong with the index."""


class SearchIndex(Protocol):
    """Finds messages by their words.

    - An index is *complete* from `complete` on, until it is lost or filled again. Its checkpoint, which is stored in it
      and is lost with it, is the position up to which it has everything.
    - `put` and `index` keep an entry unless a newer version of it exists; the same version again changes nothing.
      When they return the entries are durable; they are found within the index's refresh interval (1 s).
    - `search` returns the messages that a query finds, newest first: those older than `before`, at most `limit`. A page
      may have fewer, or none, though there are more: then `rest` is set. It ends within `within_s` or raises
      `SearchTimeout`, and delays no other caller longer than that.
    - `search`, `entries` and `scan` raise `Unavailable` if a generation has no complete index: they never return an
      empty result instead.
    - If the server is down every call raises `Unavailable` (core.ports.event_log) within some seconds.
    """

    async def start(self) -> None:
        """Connect, waiting with backoff."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    async def begin(self, generation: int) -> str:
        """Create an empty index, which is complete once it is filled. Return the token of the fill; that of a running
        fill if there is one: several callers may fill an index at once, each with everything.
        """
        ...

    async def put(self, generation: int, entries: Sequence[Entry]) -> None:
        """Add these entries to the fill. Raises `IndexBehind` if there is no index."""
        ...

    async def complete(self, generation: int, token: str, until: Positions) -> None:
        """Mark the index complete up to `until`. Raises `IndexBehind` if it is not the index of this fill."""
        ...

    async def index(self, generation: int, entries: Sequence[Entry], since: Positions, until: Positions) -> None:
        """Index these entries, all those between `since` and `until`, and move the checkpoint to `until`, never back.
        Raises `IndexBehind` if the index is not complete up to `since`; the checkpoint is unchanged then.
        """
        ...

    async def checkpoint(self, generation: int, partitions: Iterable[Partition]) -> dict[Partition, int] | None:
        """Return the positions up to which it has everything of these partitions; None if no index is complete."""
        ...

    async def refresh(self, generation: int) -> None:
        """Make everything indexed so far findable now (tests, comparisons)."""
        ...

    async def search(
        self, generation: int, query: Query, *, before: Hit | None = None, limit: int, within_s: float = TIMEOUT_S
    ) -> Hits:
        """Return the next page of a query's result; a query without tokens and prefix finds nothing."""
        ...

    async def entries(self, generation: int, message_ids: Iterable[str]) -> dict[str, Entry]:
        """Return the entries of these messages as last indexed, including removed ones."""
        ...

    async def scan(self, generation: int, *, after: str = "", limit: int = 1000) -> list[Entry]:
        """Return the next findable entries sorted by `message_id` (by code point), for passes over a whole index."""
        ...

    async def drop(self, generation: int) -> None:
        """Delete a generation's index."""
        ...


def behind(held: Positions, since: Positions) -> dict[Partition, int]:
    """Return the positions of an index that are less than `since`."""
    return {at: held.get(at, 0) for at, position in since.items() if held.get(at, 0) < position}


def require_since(generation: int, held: Positions | None, since: Positions) -> Positions:
    """Return the checkpoint `held` if the index is complete up to `since`. Raises `IndexBehind` otherwise."""
    if held is None or behind(held, since):
        raise IndexBehind(f"the index of generation {generation} has {held}, needed is {dict(since)}")
    return held


def other_fill(generation: int) -> IndexBehind:
    """Return the error of `complete` for the index of another fill."""
    return IndexBehind(f"the index of generation {generation} is another than the one that was filled")


def no_complete_index(generation: int) -> Unavailable:
    """Return the error of a query if a generation has no complete index."""
    return Unavailable(f"search: generation {generation} has no complete index")


def ranges_by_conversation(ranges: Iterable[OffsetRange]) -> Mapping[str, Sequence[OffsetRange]]:
    """Return the ranges by conversation."""
    found: dict[str, list[OffsetRange]] = {}
    for one in ranges:
        found.setdefault(one.conversation_id, []).append(one)
    return found


def is_in_ranges(ranges: Mapping[str, Sequence[OffsetRange]], conversation_id: str, offset: int) -> bool:
    """Return whether a message of this conversation with this offset is in one of these ranges."""
    return any(one.first <= offset <= one.last for one in ranges.get(conversation_id, ()))
