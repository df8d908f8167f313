"""The search index as a dictionary: what its guarantees mean, without an index."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from core.ports.search_index import Entry, IndexBehind, Positions, no_complete_index, other_fill, require_since
from schemas.topics import Partition

_WORD: Final = re.compile(r"[^\W_]+")


@dataclass(slots=True)
class _State:
    """Of one generation: the fill that is not complete yet, and the checkpoint."""

    filling: str | None
    positions: dict[Partition, int] = field(default_factory=dict)


class MemorySearchIndex:
    """A SearchIndex in memory; what is indexed lives as long as this object. Deterministic; looks at every entry.

    A word is a run of letters and digits, in whatever case. First comes the message that has the words most often
    for its length, then the lower id.
    """

    def __init__(self) -> None:
        self._entries: dict[int, dict[str, Entry]] = {}
        self._states: dict[int, _State] = {}
        self._fills = 0

    async def start(self) -> None:
        """Nothing to connect to."""
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Nothing to let go of."""
        await asyncio.sleep(0)

    async def begin(self, generation: int) -> str:
        """Make an empty index, or join the fill that has begun."""
        await asyncio.sleep(0)
        state = self._states.get(generation)
        if state is not None and state.filling is not None:
            return state.filling
        self._fills += 1
        self._entries[generation], self._states[generation] = {}, _State(f"fill {self._fills}")
        return f"fill {self._fills}"

    async def put(self, generation: int, entries: Sequence[Entry]) -> None:
        """Keep each entry unless a newer version of it is there, giving way to others between them."""
        await asyncio.sleep(0)
        for entry in entries:
            if (kept := self._entries.get(generation)) is None:
                raise IndexBehind(f"generation {generation} has no index")
            there = kept.get(entry.message_id)
            if there is None or entry.version > there.version:
                kept[entry.message_id] = entry
            await asyncio.sleep(0)

    async def complete(self, generation: int, token: str, until: Positions) -> None:
        """What this fill began is complete."""
        await asyncio.sleep(0)
        state = self._states.get(generation)
        if state is None or state.filling != token:
            raise other_fill(generation)
        state.filling = None
        state.positions |= until

    async def index(self, generation: int, entries: Sequence[Entry], since: Positions, until: Positions) -> None:
        """Keep each entry, then move the checkpoint."""
        require_since(generation, await self.checkpoint(generation, since), since)
        state = self._states[generation]
        await self.put(generation, entries)
        for at, position in until.items():  # of the index that was looked at, if it is lost meanwhile
            state.positions[at] = max(position, state.positions.get(at, 0))

    async def checkpoint(self, generation: int, partitions: Iterable[Partition]) -> dict[Partition, int] | None:
        """Up to where it has everything."""
        await asyncio.sleep(0)
        state = self._states.get(generation)
        if state is None or state.filling is not None:
            return None
        return {at: state.positions[at] for at in partitions if at in state.positions}

    async def refresh(self, generation: int) -> None:  # noqa: ARG002 - the port's, not needed here
        """Everything is findable at once."""
        await asyncio.sleep(0)

    async def search(
        self, generation: int, tenant: str, text: str, conversation_ids: Iterable[str], limit: int
    ) -> list[str]:
        """Message ids, best first."""
        held = await self._complete(generation)
        wanted, allowed = _words(text), frozenset(conversation_ids)
        if not wanted:
            return []
        scored = [
            (-score, entry.message_id)
            for entry in held.values()
            if entry.tenant == tenant and entry.conversation_id in allowed and (score := _score(entry, wanted))
        ]
        return [message for _, message in sorted(scored)[:limit]]

    async def entries(self, generation: int, message_ids: Iterable[str]) -> dict[str, Entry]:
        """The entries of these messages."""
        held = await self._complete(generation)
        return {key: held[key] for key in message_ids if key in held}

    async def scan(self, generation: int, *, after: str = "", limit: int = 1000) -> list[Entry]:
        """The next entries."""
        held = await self._complete(generation)
        return [held[key] for key in sorted(key for key in held if key > after)[:limit]]

    async def drop(self, generation: int) -> None:
        """Delete a generation's index."""
        await asyncio.sleep(0)
        self._entries.pop(generation, None)
        self._states.pop(generation, None)

    async def _complete(self, generation: int) -> dict[str, Entry]:
        if await self.checkpoint(generation, ()) is None:
            raise no_complete_index(generation)
        return self._entries[generation]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _score(entry: Entry, wanted: Sequence[str]) -> float:
    """How much of the message the words are; 0 where one of them is missing."""
    words = _words(entry.text or "")
    counts = [words.count(word) for word in wanted]
    return sum(counts) / len(words) if words and all(counts) else 0.0
