"""The search index: finds messages by their words; what it says is a hint, the rows say what is there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.ports.event_log import Unavailable
from schemas.topics import Partition

Positions = Mapping[Partition, int]
"""The next position of each partition."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as it shall be found; `text` None takes it out. An older `version` never replaces a newer."""

    message_id: str
    version: int
    tenant: str
    conversation_id: str
    text: str | None


class IndexBehind(Exception):
    """The index is not complete, or lacks what it has had: it was deleted, emptied or put back older. Fill it."""


class SearchIndex(Protocol):
    """Finds messages.

    - An index is *complete* from `complete` on, until it is lost or filled again. Its checkpoint, which lies in it
      and is lost with it, says up to where it has everything.
    - `put` and `index` keep an entry unless a newer version of it is there; the same version again changes nothing.
      When they return the entries are durable; they are found within the index's refresh interval (1 s).
    - `search` answers ids of messages that contain every word of `text`, in these conversations, best first.
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
        self, generation: int, tenant: str, text: str, conversation_ids: Iterable[str], limit: int
    ) -> list[str]:
        """Message ids, best first."""
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
