"""A store is believed, at a node's start and when it was started anew, once its read models have passed the log's end.

Its server may have lost what it had confirmed, and with it rows that this node, or one before it, has delivered. Until
workers have made them again, what it says is neither told to clients nor taken for where a lane stands.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from core.ports.documents import Documents
from core.ports.event_log import Unavailable
from core.ports.memberships import NotReady
from projections import conversations, inbox, messages
from projections.progress import Progress
from schemas.topics import CONVERSATION_UPDATED, USER_ACTION, Partition, partition_of, partitions

logger: Final = logging.getLogger("caas.node")
READ: Final = {
    messages.MODEL: tuple(messages.LANE_OF),
    conversations.MODEL: (CONVERSATION_UPDATED,),
    inbox.MODEL: (USER_ACTION,),
}
"""What a node tells of, and what it is made from."""
START_S: Final = 10.0
"""So long a node that starts waits for read models that are behind."""
Goals = dict[str, dict[Partition, int]]


class StoreTrust:
    """The trust of one node in its store. Costs nothing while the store lives on."""

    def __init__(self, documents: Documents, progress: Progress) -> None:
        self._documents = documents
        self._progress = progress
        self._trusted: int | None = None
        self._asked: int | None = None
        self._goals: Goals = {}
        self._began = 0.0
        self._looking = asyncio.Lock()

    @property
    def life(self) -> int:
        """The store's life: what was read in two of them does not belong together."""
        return self._documents.life

    async def settled(self) -> None:
        """Return when the store may be believed, at once where it was before. Raises `Unavailable` after 2 s."""
        if self._documents.life == self._trusted:
            return
        async with self._looking:
            life = self._documents.life
            if life == self._trusted or self._started_long_ago(life):
                return
            await self._progress.refresh()
            if life != self._asked or not self._goals:
                self._goals, self._asked = await self._ends(), life
            try:
                for model, goals in self._goals.items():
                    await self._progress.pass_by(model, goals)
            except NotReady as error:
                raise Unavailable(f"the store is not believed yet: {error}") from error
            if self._documents.life == life:
                self._trusted = life

    def _started_long_ago(self, life: int) -> bool:
        """Whether a node that has just started has waited long enough: workers that do not run say nothing of a store
        that has lived on.
        """
        now = asyncio.get_running_loop().time()
        self._began = self._began or now
        if self._trusted is not None or now - self._began < START_S:
            return False
        logger.warning("the read models are behind the log, and this node begins with what they have")
        self._trusted = life
        return True

    async def passed(self, model: str, keys: Sequence[tuple[str, str]]) -> None:
        """Return when a read model has passed the log's end of now in the partitions of these topics and keys.

        Raises `NotReady` after 2 s, and `Unavailable`.
        """
        await self._progress.pass_ends(model, {partition_of(topic, key.encode()) for topic, key in keys})

    async def _ends(self) -> Goals:
        goals = await self._progress.ends({at for topics in READ.values() for at in partitions(*topics)})
        return {model: {at: goals[at] for at in partitions(*topics) if at in goals} for model, topics in READ.items()}
