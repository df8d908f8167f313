"""The search index: finds messages by their words; what it says is a hint, the rows say what is there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as it shall be found; `text` None takes it out. An older `version` never replaces a newer."""

    message_id: str
    version: int
    tenant: str
    conversation_id: str
    text: str | None


class SearchIndex(Protocol):
    """Finds messages.

    - `index` keeps an entry unless a newer version of it is there; the same version again changes nothing. When it
      returns the entries are durable; they are found within the index's refresh interval (1 s).
    - `search` answers ids of messages that contain every word of `text`, in these conversations, best first.
    - A server that is down makes every call raise `Unavailable` (core.ports.event_log) within some seconds.
    """

    async def start(self) -> None:
        """Connect, waiting with backoff."""
        ...

    async def stop(self) -> None:
        """Let go."""
        ...

    async def prepare(self, generation: int) -> None:
        """Make a generation's index; harmless when it exists."""
        ...

    async def index(self, generation: int, entries: Sequence[Entry]) -> None:
        """Index these entries."""
        ...

    async def refresh(self, generation: int) -> None:
        """Make everything indexed so far findable now (tests, rebuilds)."""
        ...

    async def search(
        self, generation: int, tenant: str, text: str, conversation_ids: Iterable[str], limit: int
    ) -> list[str]:
        """Message ids, best first."""
        ...

    async def drop(self, generation: int) -> None:
        """Delete a generation's index."""
        ...
