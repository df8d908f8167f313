"""Reads messages from the live read model, and waits until it has passed the log's end."""

from collections.abc import Iterable, Mapping, Sequence

from core.domain import message, reaction
from core.domain.content import Content
from core.ports.documents import Documents, Row, TableGeneration
from core.ports.event_log import EventLog
from projections.generations import Generations
from projections.messages import contents, message_rows, reactions
from projections.progress import Progress
from schemas.topics import MESSAGE_SENT, partition_of


class MessageReader:
    """The `Messages` port over documents."""

    def __init__(self, documents: Documents, generations: Generations, log: EventLog) -> None:
        self._documents = documents
        self._generations = generations
        self._progress = Progress(documents, generations, log)

    @property
    def life(self) -> int:
        """The store's life."""
        return self._documents.life

    async def state(self, message_id: str) -> message.State:
        """Return the merged state of the message's row."""
        return message_rows.state_of((await self.rows([message_id])).get(message_id))

    async def deleted(self, message_ids: Iterable[str]) -> frozenset[str]:
        """Return those whose rows have a deletion. Nothing else of the rows is read."""
        found = await self._documents.facets(self._place(), message_ids, "deleted")
        return frozenset(key for key, facet in found.items() if message_rows.is_deleted({"deleted": facet}))

    async def target(self, message_id: str) -> reaction.Target:
        """Return the merged state of the message's row, and its facet `reaction`."""
        row = (await self.rows([message_id])).get(message_id, {})
        facet = row.get(reactions.LANE)
        return reaction.Target(message_rows.state_of(row), reactions.state_of(facet), reactions.emoji_by_event(facet))

    async def sent(self, message_id: str) -> Content | None:
        """Return the content in the `sent` facet; None if it is missing or unreadable."""
        return message_rows.sent_content((await self.rows([message_id])).get(message_id))

    async def changed(self, message_id: str, event_id: str) -> Content | None:
        """Return the content of a version in the facets `edited` and `deleted`."""
        return contents.changed_content((await self.rows([message_id])).get(message_id), event_id)

    async def rows(self, message_ids: Iterable[str]) -> Mapping[str, Row]:
        """Return the rows that exist."""
        return await self._documents.get(self._place(), message_ids)

    async def part(self, conversation_id: str, seqs: range) -> Sequence[Row]:
        """Return the messages with these numbers, in order."""
        return await self._documents.find(
            self._place(), "sent", [conversation_id], low=seqs.start, high=seqs.stop, limit=len(seqs)
        )

    async def replies(self, conversation_id: str, root: str, seqs: range, limit: int) -> Sequence[Row]:
        """Return a thread's first `limit` messages with these numbers, in order."""
        equals = [conversation_id, root]
        return await self._documents.find(
            self._place(), message_rows.THREAD.name, equals, low=seqs.start, high=seqs.stop, limit=limit
        )

    async def head(self, conversation_id: str) -> int:
        """Return the head of the `sent` lane."""
        place = TableGeneration(message_rows.HEADS, self._generations.live(message_rows.MODEL))
        rows = await self._documents.get(place, [conversation_id])
        n: int = rows.get(conversation_id, {}).get("sent", {"n": 0})["n"]
        return n

    async def prove(self, conversation_id: str, *, with_reactions: bool = False) -> None:
        """Read the ends of the conversation's partitions, and wait until the checkpoints have passed them."""
        await self._prove(conversation_id, message_rows.LANE_OF if with_reactions else message_rows.CONTENT_LANE_OF)

    async def prove_head(self, conversation_id: str) -> None:
        """Do the same for `message.sent` alone: the head depends on no other topic."""
        await self._prove(conversation_id, (MESSAGE_SENT,))

    async def _prove(self, conversation_id: str, topics: Iterable[str]) -> None:
        key = conversation_id.encode()
        await self._progress.pass_ends(message_rows.MODEL, [partition_of(topic, key) for topic in topics])

    def _place(self) -> TableGeneration:
        return TableGeneration(message_rows.ROWS, self._generations.live(message_rows.MODEL))
