"""MembershipStart reads where a node's view begins: at the checkpoints of the live generation of the read model."""

from collections.abc import Mapping
from typing import Final

from core.health import Health
from core.ports.documents import Documents
from core.ports.event_log import EventLog
from core.positions import offset_of
from core.retry import retry_until_available
from projections.conversations import conversation_rows
from projections.generations import Pointer, read_pointer
from schemas.topics import CONVERSATION_UPDATED, Partition, partitions
from streams.runtime.lineage import check_begins, check_log

WAITS_FOR: Final = "memberships-start"


class MembershipStart:
    """Reads the start of one view. It waits for a store or a log that is down, and readiness reports that."""

    def __init__(self, log: EventLog, documents: Documents, health: Health) -> None:
        self._log = log
        self._documents = documents
        self._health = health

    async def offsets(self) -> dict[Partition, int]:
        """Return the offset of each partition's first record that the read model may lack. Raises `LogTruncated` and
        `LogMismatch`.
        """
        pointer, before = await self._pointer(), None
        while pointer != before:  # a generation that is no longer live may be dropped while it is read
            before, saved = pointer, await self._checkpoints(pointer.live)
            pointer = await self._pointer()
        offsets = {at: offset_of(saved[at]) if at in saved else 0 for at in partitions(CONVERSATION_UPDATED)}
        await self._check_kept(offsets)
        return offsets

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
