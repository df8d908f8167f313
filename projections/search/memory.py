"""The search index as a dictionary: what its guarantees mean, without an index."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core import search_text
from core.ports.search_index import (
    WITHIN_S,
    Entry,
    Hit,
    Hits,
    IndexBehind,
    Positions,
    Query,
    Stay,
    lies_in,
    no_complete_index,
    other_fill,
    require_since,
    within,
)
from schemas.topics import Partition


@dataclass(slots=True)
class _State:
    """Of one generation: the fill that is not complete yet, and the checkpoint."""

    filling: str | None
    positions: dict[Partition, int] = field(default_factory=dict)


class MemorySearchIndex:
    """A SearchIndex in memory; what is indexed lives as long as this object. Deterministic; looks at every entry."""

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
        self,
        generation: int,
        query: Query,
        *,
        before: Hit | None = None,
        limit: int,
        within_s: float = WITHIN_S,  # noqa: ARG002 - the port's, not needed here
    ) -> Hits:
        """The next page of what the query finds; it is over at once, whatever `within_s`."""
        held = await self._complete(generation)
        stays = within(query.stays)
        found = [
            hit
            for entry in held.values()
            if (hit := Hit(entry.order, entry.message_id)).is_before(before) and _finds(query, entry, stays)
        ]
        found.sort(reverse=True)
        return Hits(found[:limit], found[limit - 1] if len(found) > limit else None)

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


def _finds(query: Query, entry: Entry, stays: Mapping[str, Sequence[Stay]]) -> bool:
    if entry.tenant != query.tenant or query.sender not in {None, entry.sender} or not (query.tokens or query.prefix):
        return False
    if entry.text is None or not lies_in(stays, entry.conversation_id, entry.offset):
        return False
    has, prefix = search_text.tokens(entry.text), query.prefix
    return set(query.tokens) <= set(has) and (prefix is None or any(one.startswith(prefix) for one in has))
