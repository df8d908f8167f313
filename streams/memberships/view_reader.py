"""ViewReader reads conversations from the live read model so that the records that were read from the log complete
them.

The order of the reads makes it right while a processor keeps writing. First the checkpoints: every record before them
is finally in the rows. Then the rows, each as new or newer. Then the changes, which are saved before the rows they lead
to: an event is in a row if its number is not above the row's, and an event without a row counts if it is before the
checkpoint. Everything else must be among the recent records, which begin at these checkpoints or before. All of it is
read in one generation and one life of the store; `holds` says whether it was.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from core.ports.documents import Documents, Facet, Row, TableGeneration
from core.ports.memberships import NotReady
from core.positions import offset_of
from projections.conversations import conversation_rows
from projections.generations import Pointer, read_pointer
from schemas.topics import CONVERSATION_UPDATED, Partition, partition_of
from streams.memberships.recent_records import RecentRecords, UserKey

PAGE: Final = 1000
"""Maximum number of rows that are read together by an index."""
CONCURRENT_READS: Final = 16
"""Maximum number of conversations whose changes are read concurrently by one load."""

MAX_TRIMS: Final = 3
"""Maximum number of reads of the checkpoints that a trim of the recent records, which read later ones, may overtake."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What reads depend on: the live generation's pointer, the store's life, and the checkpoints `saved`."""

    pointer: Pointer
    life: int
    saved: Mapping[Partition, int]

    def has(self, at: Partition) -> bool:
        """Whether this partition has a checkpoint; without one, all of it is among the recent records."""
        return at in self.saved


@dataclass(frozen=True, slots=True)
class SavedConversation:
    """The row of a conversation, if it has one, and the changes by their event's id that it contains."""

    row: Row | None
    changes: Mapping[str, Facet]


class ViewReader:
    """Reads the live generation of `conversations`. Raises `Unavailable`."""

    def __init__(self, documents: Documents, recent: RecentRecords) -> None:
        self._documents = documents
        self._recent = recent
        self._turns = asyncio.Semaphore(CONCURRENT_READS)

    async def begin(self) -> Reading:
        """Begin to read. Raises `NotReady` while the read model is behind the first recent record: it has lost saves,
        which its processor repeats.
        """
        for _ in range(MAX_TRIMS):
            life = self._documents.life
            pointer = await read_pointer(self._documents, conversation_rows.MODEL)
            saved = await self._documents.checkpoints(conversation_rows.MODEL, pointer.live)
            reading = Reading(pointer, life, saved)
            if self._completes(reading):
                return reading
        raise NotReady("the read model conversations is behind what it was")

    async def holds(self, reading: Reading) -> bool:
        """Return whether what was read since `begin` is completed by the recent records as they are at the return."""
        now = await read_pointer(self._documents, conversation_rows.MODEL)
        before = reading.pointer
        same = (now.live, now.turn, self._documents.life) == (before.live, before.turn, reading.life)
        return same and self._completes(reading)

    def _completes(self, reading: Reading) -> bool:
        saved = {at: offset_of(position) for at, position in reading.saved.items()}
        return all(begins <= saved.get(at, 0) for at, begins in self._recent.begins.items())

    async def conversations(self, reading: Reading, keys: Collection[str]) -> dict[str, SavedConversation]:
        """Return what is saved of these conversations."""
        known = [key for key in keys if reading.has(place_of(key))]
        place = TableGeneration(conversation_rows.ROWS, reading.pointer.live)
        rows = await self._documents.get(place, known) if known else {}
        changes = await asyncio.gather(*(self._changes(reading, key, rows.get(key)) for key in known))
        found = {key: SavedConversation(rows.get(key), of) for key, of in zip(known, changes, strict=True)}
        return {key: found[key] if key in found else SavedConversation(None, {}) for key in keys}

    async def _changes(self, reading: Reading, key: str, row: Row | None) -> dict[str, Facet]:
        place = TableGeneration(conversation_rows.CHANGES, reading.pointer.live)
        n, found, saved = 0 if row is None else row["updated"]["n"], dict[str, Facet](), reading.saved[place_of(key)]
        low = 0
        while True:
            async with self._turns:
                page = await self._documents.find(place, "conversation", [key], low=low, limit=PAGE)
            for one in page:
                if one["change"]["n"] <= n or one["change"]["pos"] < saved:
                    found[one["_id"]] = one["change"]
            if len(page) < PAGE:
                return found
            low = page[-1]["change"]["n"] + 1

    async def participations(self, reading: Reading, user: UserKey) -> dict[str, bool]:
        """Return the conversations that a user is or was in, and whether they are, by what is saved."""
        place = TableGeneration(conversation_rows.PARTICIPANTS, reading.pointer.live)
        found, after = dict[str, bool](), ""
        while reading.saved:
            async with self._turns:
                page = await self._documents.find(place, "by_user", user, after=after, limit=PAGE)
            rows = (row for row in page if reading.has(place_of(row["conversation_id"])))
            found |= {row["conversation_id"]: row["updated"]["present"] for row in rows}
            if len(page) < PAGE:
                break
            after = page[-1]["_id"]
        return found


def place_of(conversation_id: str) -> Partition:
    """Return the partition of a conversation."""
    return partition_of(CONVERSATION_UPDATED, conversation_id.encode())
