"""Reads users' pinned conversations from the live read model, and waits until it has passed the log's end."""

from collections.abc import Mapping
from typing import Final

from core.ports.documents import Documents, TableGeneration
from core.ports.event_log import EventLog
from projections.generations import Generations
from projections.inbox import inbox_rows
from projections.progress import Progress
from schemas.topics import USER_ACTION, partition_of

BATCH_SIZE: Final = 200
"""Maximum number of rows per read."""


async def pins_of(documents: Documents, generations: Generations, tenant: str, user_id: str) -> dict[str, int]:
    """Return a user's pinned conversations, with each pin's number in the user's lane. Raises `Unavailable`."""
    place = TableGeneration(inbox_rows.ROWS, generations.live(inbox_rows.MODEL))
    owner, found, high = inbox_rows.key_of(tenant, user_id), dict[str, int](), None
    while True:
        rows = await documents.find(
            place, inbox_rows.PINNED.name, [owner], low=1, high=high, limit=BATCH_SIZE, reverse=True
        )
        found |= {row["conversation_id"]: row[inbox_rows.FACET]["pinned"] for row in rows}
        if len(rows) < BATCH_SIZE:
            return found
        high = rows[-1][inbox_rows.FACET]["pinned"]


class InboxReader:
    """The `Inboxes` port over documents."""

    def __init__(self, documents: Documents, generations: Generations, log: EventLog) -> None:
        self._documents = documents
        self._generations = generations
        self._progress = Progress(documents, generations, log)

    async def pinned(self, tenant: str, user_id: str) -> Mapping[str, int]:
        """Return the pinned conversations with their pins' numbers, by the index `pinned`."""
        return await pins_of(self._documents, self._generations, tenant, user_id)

    async def prove(self, user_id: str) -> None:
        """Read the end of the user's partition, and wait until the checkpoint has passed it."""
        await self._progress.pass_ends(inbox_rows.MODEL, [partition_of(USER_ACTION, user_id.encode())])
