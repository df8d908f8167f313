"""Which conversations users have pinned, as the live read model has it, and the proof that it has passed the log."""

from collections.abc import Mapping
from typing import Final

from core.ports.documents import Documents, TableGeneration
from core.ports.event_log import EventLog
from projections.generations import Generations
from projections.inbox import inbox_rows
from projections.progress import Progress
from schemas.topics import USER_ACTION, partition_of

AT_ONCE: Final = 200
"""Maximum of rows that are read at one time."""


async def pins_of(documents: Documents, generations: Generations, tenant: str, user_id: str) -> dict[str, int]:
    """The conversations that a user has pinned, and the numbers of these pins in their lane. Raises `Unavailable`."""
    place = TableGeneration(inbox_rows.ROWS, generations.live(inbox_rows.MODEL))
    owner, found, high = inbox_rows.key_of(tenant, user_id), dict[str, int](), None
    while True:
        rows = await documents.find(
            place, inbox_rows.PINNED.name, [owner], low=1, high=high, limit=AT_ONCE, reverse=True
        )
        found |= {row["conversation_id"]: row[inbox_rows.FACET]["pinned"] for row in rows}
        if len(rows) < AT_ONCE:
            return found
        high = rows[-1][inbox_rows.FACET]["pinned"]


class InboxReader:
    """The `Inboxes` port over documents."""

    def __init__(self, documents: Documents, generations: Generations, log: EventLog) -> None:
        self._documents = documents
        self._generations = generations
        self._progress = Progress(documents, generations, log)

    async def pinned(self, tenant: str, user_id: str) -> Mapping[str, int]:
        """By the index of those that are pinned."""
        return await pins_of(self._documents, self._generations, tenant, user_id)

    async def prove(self, user_id: str) -> None:
        """Take the end of the user's partition, wait until the checkpoint has passed it."""
        await self._progress.pass_ends(inbox_rows.MODEL, [partition_of(USER_ACTION, user_id.encode())])
