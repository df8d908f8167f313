"""MembershipStart reads where a node's view begins: the live read model, and the offsets from which the log goes on.

The order of the reads makes it right while a processor keeps writing. First the checkpoints: every record before them
is finally in the rows. Then the rows, each as new or newer. Then the ids of the events, which are saved before the rows
they lead to: an event is in a row if its number is not above the row's, and an event without a row is in the view if it
is before the checkpoint. Everything else will come from the log. All of it is read in one life of the store.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from core.health import Health
from core.ports.documents import DataLost, Documents, Row, Table, TableGeneration
from core.ports.event_log import EventLog
from core.positions import offset_of
from core.retry import retry_until_available
from projections.conversations import conversation_rows
from projections.generations import Pointer, read_pointer
from schemas.topics import CONVERSATION_UPDATED, Partition, partition_of, partitions
from streams.memberships.fold import MembershipFold
from streams.runtime.lineage import check_begins, check_log

WAITS_FOR: Final = "memberships-start"
PAGE: Final = 1000
LOST_POLL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Start:
    """A fold, and the offset of each partition's first record that may not be in it."""

    fold: MembershipFold
    offsets: Mapping[Partition, int]


class MembershipStart:
    """Reads the start of one view. It waits for a store or a log that is down, and readiness reports that."""

    def __init__(self, log: EventLog, documents: Documents, health: Health) -> None:
        self._log = log
        self._documents = documents
        self._health = health

    async def read(self) -> Start:
        """Return the start, all of one generation. Where the rows are lost it waits until they exist again. Raises
        `LogTruncated` and `LogMismatch`.
        """
        while True:
            pointer, life = await self._pointer(), self._documents.life
            try:
                start = await self._from(pointer.live)
            except DataLost as lost:
                self._health.waits(WAITS_FOR, lost)
                await asyncio.sleep(LOST_POLL_S)
                continue
            again = await self._pointer()
            same = (again.live, again.turn, self._documents.life) == (pointer.live, pointer.turn, life)
            if same:
                self._health.goes_on(WAITS_FOR)
                return start  # else what was read first may have been dropped or forgotten meanwhile

    async def _from(self, generation: int) -> Start:
        saved = await self._checkpoints(generation)
        places = partitions(CONVERSATION_UPDATED)
        offsets = {at: offset_of(saved[at]) if at in saved else 0 for at in places}
        await self._check_kept(offsets)
        fold = MembershipFold()
        if not saved:
            return Start(fold, offsets)
        whole = len(saved) == len(places)
        async for row in self._scan(conversation_rows.ROWS, generation):
            if whole or _at(row["_id"]) in saved:
                fold.row(row)
        async for row in self._scan(conversation_rows.CHANGES, generation):
            key, change = row["conversation_id"], row["change"]
            if change["n"] <= fold.count(key) or change["pos"] < saved.get(_at(key), 0):
                fold.change(key, row["_id"], change["n"])
        return Start(fold, offsets)

    async def _pointer(self) -> Pointer:
        return await retry_until_available(
            WAITS_FOR, lambda: read_pointer(self._documents, conversation_rows.MODEL), self._health
        )

    async def _checkpoints(self, generation: int) -> dict[Partition, int]:
        """Return the checkpoints, after checking that they are of this log."""
        await check_log(self._log, self._documents, conversation_rows.MODEL, generation, self._health)
        return await retry_until_available(
            WAITS_FOR, lambda: self._documents.checkpoints(conversation_rows.MODEL, generation), self._health
        )

    async def _check_kept(self, offsets: Mapping[Partition, int]) -> None:
        """Raises `LogTruncated` where the log does not go on from there."""
        begins = await retry_until_available(WAITS_FOR, lambda: self._log.beginning_offsets(offsets), self._health)
        check_begins(begins, offsets, conversation_rows.MODEL)

    async def _scan(self, table: Table, generation: int) -> AsyncIterator[Row]:
        """Yield all rows of a table, page after page."""
        place, after = TableGeneration(table, generation), ""
        while True:
            page = await retry_until_available(
                WAITS_FOR,
                lambda: self._documents.scan(place, after=after, limit=PAGE),  # noqa: B023 - awaited here
                self._health,
            )
            for row in page:
                yield row
            if len(page) < PAGE:
                return
            after = page[-1]["_id"]


def _at(conversation_id: str) -> Partition:
    return partition_of(CONVERSATION_UPDATED, conversation_id.encode())
