"""Implements the search index as a dictionary: the reference for the port's guarantees."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core import search_text
from core.ports.search_index import (
    TIMEOUT_S,
    Entry,
    Hit,
    Hits,
    IndexBehind,
    OffsetRange,
    Positions,
    Query,
    is_in_ranges,
    no_complete_index,
    other_fill,
    ranges_by_conversation,
    require_since,
)
from schemas.topics import Partition


@dataclass(slots=True)
class _State:
    """The state of one generation: the token of an incomplete fill, and the checkpoint."""

    filling: str | None
    positions: dict[Partition, int] = field(default_factory=dict)


class MemorySearchIndex:
    """The port `SearchIndex` in memory, as long as this object lives. Deterministic; a search reads every entry."""

    def __init__(self) -> None:
        self._entries: dict[int, dict[str, Entry]] = {}
        self._states: dict[int, _State] = {}
        self._fills = 0

    async def start(self) -> None:
        """Do nothing: there is nothing to connect to."""
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Do nothing: there is nothing to release."""
        await asyncio.sleep(0)

    async def begin(self, generation: int) -> str:
        """Create an empty index, or join the fill that has begun; return the fill's token."""
        await asyncio.sleep(0)
        state = self._states.get(generation)
        if state is not None and state.filling is not None:
            return state.filling
        self._fills += 1
        self._entries[generation], self._states[generation] = {}, _State(f"fill {self._fills}")
        return f"fill {self._fills}"

    async def put(self, generation: int, entries: Sequence[Entry]) -> None:
        """Keep each entry unless it has a newer version; yields to other tasks between entries."""
        await asyncio.sleep(0)
        for entry in entries:
            if (kept := self._entries.get(generation)) is None:
                raise IndexBehind(f"generation {generation} has no index")
            known = kept.get(entry.message_id)
            if known is None or entry.version > known.version:
                kept[entry.message_id] = entry
            await asyncio.sleep(0)

    async def complete(self, generation: int, token: str, until: Positions) -> None:
        """Mark the index that this fill began as complete."""
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
        for at, position in until.items():  # of the index that was checked above, even if it is lost meanwhile
            state.positions[at] = max(position, state.positions.get(at, 0))

    async def checkpoint(self, generation: int, partitions: Iterable[Partition]) -> dict[Partition, int] | None:
        """Return the positions up to which it has everything; None if it is not complete."""
        await asyncio.sleep(0)
        state = self._states.get(generation)
        if state is None or state.filling is not None:
            return None
        return {at: state.positions[at] for at in partitions if at in state.positions}

    async def refresh(self, generation: int) -> None:  # noqa: ARG002 - the port's, not needed here
        """Do nothing: everything is searchable at once."""
        await asyncio.sleep(0)

    async def search(
        self,
        generation: int,
        query: Query,
        *,
        before: Hit | None = None,
        limit: int,
        within_s: float = TIMEOUT_S,  # noqa: ARG002 - the port's, not needed here
    ) -> Hits:
        """Return the next page of the query's hits; `within_s` has no effect."""
        entries = await self._require_complete(generation)
        ranges = ranges_by_conversation(query.ranges)
        found = [
            hit
            for entry in entries.values()
            if (hit := Hit(entry.order, entry.message_id)).is_before(before) and _matches(query, entry, ranges)
        ]
        found.sort(reverse=True)
        return Hits(found[:limit], found[limit - 1] if len(found) > limit else None)

    async def entries(self, generation: int, message_ids: Iterable[str]) -> dict[str, Entry]:
        """Return the entries of these messages."""
        entries = await self._require_complete(generation)
        return {key: entries[key] for key in message_ids if key in entries}

    async def scan(self, generation: int, *, after: str = "", limit: int = 1000) -> list[Entry]:
        """Return the next entries by message id."""
        entries = await self._require_complete(generation)
        return [entries[key] for key in sorted(key for key in entries if key > after)[:limit]]

    async def drop(self, generation: int) -> None:
        """Delete a generation's index."""
        await asyncio.sleep(0)
        self._entries.pop(generation, None)
        self._states.pop(generation, None)

    async def _require_complete(self, generation: int) -> dict[str, Entry]:
        if await self.checkpoint(generation, ()) is None:
            raise no_complete_index(generation)
        return self._entries[generation]


def _matches(query: Query, entry: Entry, ranges: Mapping[str, Sequence[OffsetRange]]) -> bool:
    if entry.tenant != query.tenant or query.sender not in {None, entry.sender} or not (query.tokens or query.prefix):
        return False
    if entry.text is None or not is_in_ranges(ranges, entry.conversation_id, entry.offset):
        return False
    has, prefix = search_text.tokens(entry.text), query.prefix
    return set(query.tokens) <= set(has) and (prefix is None or any(one.startswith(prefix) for one in has))
