"""The search index: finds messages by their words; what it says is a hint, the rows say what is there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from core.ports.event_log import Unavailable
from schemas.topics import Partition

Positions = Mapping[Partition, int]
"""The next position of each partition."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as it shall be found; `text` None takes it out. An older `version` never replaces a newer.

    `order` says how new it is among all, `offset` where it lies in its partition; neither ever changes.
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
"""Beyond every offset."""


class Stay(NamedTuple):
    """The messages of a conversation from one offset up to another; of several of one conversation each counts."""

    conversation_id: str
    first: int = 0
    last: int = END

    @property
    def whole(self) -> bool:
        """Whether it is all of the conversation."""
        return (self.first, self.last) == (0, END)


@dataclass(frozen=True, slots=True)
class Query:
    """Messages with all of these tokens (core.search_text), and one that begins with `prefix`, within these stays."""

    tenant: str
    tokens: Sequence[str]
    stays: Sequence[Stay]
    prefix: str | None = None
    sender: str | None = None


class Hit(NamedTuple):
    """A message that was found, or a place among all of them: the newest comes first, of equal `order` the greater id.

    A place names no message: it is before all of its order.
    """

    order: int
    message_id: str = ""

    def is_before(self, place: "Hit | None") -> bool:
        """Whether this is older than a place; everything is older than none."""
        return place is None or self < place


@dataclass(frozen=True, slots=True)
class Hits:
    """A page of what was found, newest first; `rest` is where it goes on, None where there is nothing more."""

    found: Sequence[Hit]
    rest: Hit | None = None


class IndexBehind(Exception):
    """The index is not complete, or lacks what it has had: it was deleted, emptied or put back older. Fill it."""


WITHIN_S: Final = 0.5
"""So long a page is looked for."""


class SearchTimeout(Exception):
    """A search took longer than it may. Nothing is wrong with the index."""


class SearchIndex(Protocol):
    """Finds messages.

    - An index is *complete* from `complete` on, until it is lost or filled again. Its checkpoint, which lies in it
      and is lost with it, says up to where it has everything.
    - `put` and `index` keep an entry unless a newer version of it is there; the same version again changes nothing.
      When they return the entries are durable; they are found within the index's refresh interval (1 s).
    - `search` answers the messages that a query finds, newest first: those older than `before`, at most `limit`. A page
      may have fewer, and none, though there are more: `rest` says so. It ends within `within_s` or raises
      `SearchTimeout`, and keeps nobody else waiting longer.
    - `search`, `entries` and `scan` raise `Unavailable` where a generation has no complete index: never an empty
      answer instead.
    - A server that is down makes every call raise `Unavailable` (core.ports.event_log) within some seconds.
    """

    async def start(self) -> None:
        """Connect, waiting with backoff."""
        ...

    async def stop(self) -> None:
        """Let go."""
        ...

    async def begin(self, generation: int) -> str:
        """Make an empty index, which is complete when its fill is; the fill's token. A fill that has begun is joined:
        several may fill an index at once, each with everything.
        """
        ...

    async def put(self, generation: int, entries: Sequence[Entry]) -> None:
        """Fill in these entries. Raises `IndexBehind` where there is no index."""
        ...

    async def complete(self, generation: int, token: str, until: Positions) -> None:
        """The index has everything up to there. Raises `IndexBehind` where it is not the one that this fill began."""
        ...

    async def index(self, generation: int, entries: Sequence[Entry], since: Positions, until: Positions) -> None:
        """Index these entries, all that lies between `since` and `until`, and move the checkpoint to `until`, never
        back. Raises `IndexBehind` where the index is not complete up to `since`; the checkpoint is unchanged then.
        """
        ...

    async def checkpoint(self, generation: int, partitions: Iterable[Partition]) -> dict[Partition, int] | None:
        """Up to where it has everything of these partitions; None: there is no complete index."""
        ...

    async def refresh(self, generation: int) -> None:
        """Make everything indexed so far findable now (tests, comparisons)."""
        ...

    async def search(
        self, generation: int, query: Query, *, before: Hit | None = None, limit: int, within_s: float = WITHIN_S
    ) -> Hits:
        """The next page of what the query finds; a query without tokens and prefix finds nothing."""
        ...

    async def entries(self, generation: int, message_ids: Iterable[str]) -> dict[str, Entry]:
        """The entries of these messages, also of those taken out, as they were last indexed."""
        ...

    async def scan(self, generation: int, *, after: str = "", limit: int = 1000) -> list[Entry]:
        """The next entries in the order of `message_id` (by code point), for whole passes; those that are findable."""
        ...

    async def drop(self, generation: int) -> None:
        """Delete a generation's index."""
        ...


def behind(held: Positions, since: Positions) -> dict[Partition, int]:
    """Where what an index holds ends before `since`."""
    return {at: held.get(at, 0) for at, position in since.items() if held.get(at, 0) < position}


def require_since(generation: int, held: Positions | None, since: Positions) -> Positions:
    """The checkpoint `held` of an index that is complete up to `since`. Raises `IndexBehind` for another."""
    if held is None or behind(held, since):
        raise IndexBehind(f"the index of generation {generation} has {held}, needed is {dict(since)}")
    return held


def other_fill(generation: int) -> IndexBehind:
    """What `complete` raises where the index is not the one that this fill began."""
    return IndexBehind(f"the index of generation {generation} is another than the one that was filled")


def no_complete_index(generation: int) -> Unavailable:
    """What a query raises where a generation has no complete index."""
    return Unavailable(f"search: generation {generation} has no complete index")


def within(stays: Iterable[Stay]) -> Mapping[str, Sequence[Stay]]:
    """The stays by their conversations."""
    found: dict[str, list[Stay]] = {}
    for stay in stays:
        found.setdefault(stay.conversation_id, []).append(stay)
    return found


def lies_in(stays: Mapping[str, Sequence[Stay]], conversation_id: str, offset: int) -> bool:
    """Whether a message of this conversation with this offset lies in one of these stays."""
    return any(stay.first <= offset <= stay.last for stay in stays.get(conversation_id, ()))
