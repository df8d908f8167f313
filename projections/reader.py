"""Messages as the live read model has them, and the proof that it has passed what is in the log."""

import asyncio
from typing import Final

from core.domain import message
from core.ports.documents import Documents, Place
from core.ports.event_log import EventLog
from core.ports.memberships import NotReady
from core.positions import position
from projections import messages
from projections.generations import Generations
from schemas.topics import Partition, partition_of

PROOF_S: Final = 2.0
POLL_S: Final = 0.01


class MessageReader:
    """The `Messages` port over documents."""

    def __init__(self, documents: Documents, generations: Generations, log: EventLog) -> None:
        self._documents = documents
        self._generations = generations
        self._log = log

    async def state(self, message_id: str) -> message.State:
        """The merge of the message's row."""
        rows = await self._documents.get(self._place(), [message_id])
        return messages.state_of(rows.get(message_id))

    async def sent(self, message_id: str) -> tuple[str, str | None] | None:
        """The `sent` facet's text and root."""
        row = (await self._documents.get(self._place(), [message_id])).get(message_id, {})
        return (row["sent"].get("text", ""), row["sent"].get("reply_to")) if "sent" in row else None

    async def head(self, conversation_id: str) -> int:
        """The head of the `sent` lane."""
        place = Place(messages.HEADS, self._generations.live(messages.MODEL))
        rows = await self._documents.get(place, [conversation_id])
        n: int = rows.get(conversation_id, {}).get("sent", {"n": 0})["n"]
        return n

    async def prove(self, conversation_id: str) -> None:
        """Take the ends of the conversation's three partitions, wait until the checkpoints have passed them."""
        key = conversation_id.encode()
        ends = await self._log.ends([partition_of(topic, key) for topic in messages.LANE_OF])
        goals = {at: position(self._log.epoch, offset) for at, offset in ends.items() if offset > 0}
        try:
            async with asyncio.timeout(PROOF_S):
                while not await self._passed(goals):  # noqa: ASYNC110 - the checkpoint moves in another process
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise NotReady(f"the messages read model is more than {PROOF_S:.0f} s behind the log") from None

    async def _passed(self, goals: dict[Partition, int]) -> bool:
        generation = self._generations.live(messages.MODEL)
        checkpoints = await self._documents.checkpoints(messages.MODEL, generation)
        return all(checkpoints.get(at, -1) >= goal for at, goal in goals.items())

    def _place(self) -> Place:
        return Place(messages.ROWS, self._generations.live(messages.MODEL))
