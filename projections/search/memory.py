"""The search index as a dictionary: what its guarantees mean, without an index."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import Final

from core.ports.search_index import Entry

_WORD: Final = re.compile(r"[^\W_]+")


class MemorySearchIndex:
    """A SearchIndex in memory; what is indexed lives as long as this object. Deterministic; looks at every entry.

    A word is a run of letters and digits, in whatever case. First comes the message that has the words most often
    for its length, then the lower id.
    """

    def __init__(self) -> None:
        self._entries: dict[int, dict[str, Entry]] = {}

    async def start(self) -> None:
        """Nothing to connect to."""
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Nothing to let go of."""
        await asyncio.sleep(0)

    async def prepare(self, generation: int) -> None:
        """Make a generation's index."""
        await asyncio.sleep(0)
        self._entries.setdefault(generation, {})

    async def index(self, generation: int, entries: Sequence[Entry]) -> None:
        """Keep each entry unless a newer version of it is there, giving way to others between them."""
        await asyncio.sleep(0)
        for entry in entries:
            kept = self._entries.setdefault(generation, {})
            there = kept.get(entry.message_id)
            if there is None or entry.version > there.version:
                kept[entry.message_id] = entry
            await asyncio.sleep(0)

    async def refresh(self, generation: int) -> None:  # noqa: ARG002 - the port's, not needed here
        """Everything is findable at once."""
        await asyncio.sleep(0)

    async def search(
        self, generation: int, tenant: str, text: str, conversation_ids: Iterable[str], limit: int
    ) -> list[str]:
        """Message ids, best first."""
        await asyncio.sleep(0)
        wanted, allowed = _words(text), frozenset(conversation_ids)
        if not wanted:
            return []
        scored = [
            (-score, entry.message_id)
            for entry in self._entries.get(generation, {}).values()
            if entry.tenant == tenant and entry.conversation_id in allowed and (score := _score(entry, wanted))
        ]
        return [message for _, message in sorted(scored)[:limit]]

    async def drop(self, generation: int) -> None:
        """Delete a generation's index."""
        await asyncio.sleep(0)
        self._entries.pop(generation, None)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _score(entry: Entry, wanted: Sequence[str]) -> float:
    """How much of the message the words are; 0 where one of them is missing."""
    words = _words(entry.text or "")
    counts = [words.count(word) for word in wanted]
    return sum(counts) / len(words) if words and all(counts) else 0.0
