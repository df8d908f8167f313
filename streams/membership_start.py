"""Where a node's view begins: with the live read model, and at the offsets from which the log goes on from there.

The order of the reads makes it right while a processor writes on. First the checkpoints: every record before them is
in the rows for good. Then the rows, each as new or newer. Then the ids of the events, which are saved before the rows
they lead to: one is in a row if its number is not above the row's, and one without a row is in the view if it lies
before the checkpoint. Whatever else is found will come from the log.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from core.health import Health
from core.patience import patiently
from core.ports.documents import Documents, Place, Row, Table
from core.ports.event_log import EventLog, LogTruncated
from core.positions import check_epoch, epoch_of, offset_of
from projections import conversations
from projections.generations import Pointer, read_pointer
from schemas.topics import CONVERSATION_UPDATED, Partition, partition_of, partitions
from streams.membership_fold import MembershipFold

WAITS_FOR: Final = "memberships-start"
PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Start:
    """A fold, and the offset of each partition's first record that may not be in it."""

    fold: MembershipFold
    offsets: Mapping[Partition, int]


class MembershipStart:
    """Reads the start of one view. A store or a log that is down is waited for, and readiness says so."""

    def __init__(self, log: EventLog, documents: Documents, health: Health) -> None:
        self._log = log
        self._documents = documents
        self._health = health

    async def read(self) -> Start:
        """The start, all of one generation. Raises `LogTruncated` and `LogOlderThanStore`."""
        pointer = await self._pointer()
        while True:
            start = await self._from(pointer.live)
            again = await self._pointer()
            if (again.live, again.turn) == (pointer.live, pointer.turn):
                return start
            pointer = again  # what is live no more may have been dropped on the way

    async def _from(self, generation: int) -> Start:
        saved = await self._checkpoints(generation)
        places = partitions(CONVERSATION_UPDATED)
        offsets = {at: offset_of(saved[at]) if at in saved else 0 for at in places}
        await self._check_kept(offsets)
        fold = MembershipFold()
        if not saved:
            return Start(fold, offsets)
        whole = len(saved) == len(places)
        async for row in self._scan(conversations.ROWS, generation):
            if whole or _at(row["_id"]) in saved:
                fold.row(row)
        async for row in self._scan(conversations.CHANGES, generation):
            key, change = row["conversation_id"], row["change"]
            if change["n"] <= fold.count(key) or change["pos"] < saved.get(_at(key), 0):
                fold.change(key, row["_id"], change["n"])
        return Start(fold, offsets)

    async def _pointer(self) -> Pointer:
        return await patiently(WAITS_FOR, lambda: read_pointer(self._documents, conversations.MODEL), self._health)

    async def _checkpoints(self, generation: int) -> dict[Partition, int]:
        """The checkpoints that are of this log; where an older one was read, this one has yet to be."""
        saved = await patiently(
            WAITS_FOR, lambda: self._documents.checkpoints(conversations.MODEL, generation), self._health
        )
        epoch = self._log.epoch
        check_epoch(epoch, saved.values(), f"the read model {conversations.MODEL}")
        return {at: where for at, where in saved.items() if epoch_of(where) == epoch}

    async def _check_kept(self, offsets: Mapping[Partition, int]) -> None:
        """Raises `LogTruncated` where the log does not go on from there."""
        begins = await patiently(WAITS_FOR, lambda: self._log.begins(offsets), self._health)
        ends = await patiently(WAITS_FOR, lambda: self._log.ends(offsets), self._health)
        for at, offset in offsets.items():
            if not begins[at] <= offset <= ends[at]:
                raise LogTruncated(
                    f"{at.topic} {at.number} keeps {begins[at]} to {ends[at]}, "
                    f"but the read model {conversations.MODEL} has it up to {offset}"
                )

    async def _scan(self, table: Table, generation: int) -> AsyncIterator[Row]:
        """All rows of a table, page after page."""
        place, after = Place(table, generation), ""
        while True:
            page = await patiently(
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
