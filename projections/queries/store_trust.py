"""A store is believed, at a node's start and when it was started anew, once its read models have passed the log's end.

Its server may have lost what it had confirmed, and with it rows that this node, or one before it, has delivered. Until
workers have made them again, what it says is neither told to clients nor taken for where a lane stands.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from core.health import Health
from core.ports.documents import Documents
from core.ports.event_log import Unavailable
from core.ports.memberships import NotReady
from core.tasks import retrieved
from projections.conversations import conversation_rows
from projections.generations import Generations
from projections.inbox import inbox_rows
from projections.messages import message_rows
from projections.progress import Progress
from schemas.topics import CONVERSATION_UPDATED, USER_ACTION, Partition, partition_of, partitions

logger: Final = logging.getLogger("caas.node")
READ: Final = {
    message_rows.MODEL: tuple(message_rows.LANE_OF),
    conversation_rows.MODEL: (CONVERSATION_UPDATED,),
    inbox_rows.MODEL: (USER_ACTION,),
}
"""What a node tells of, and what it is made from."""
START_S: Final = 10.0
"""So long a node that starts waits for read models that are behind."""
STANDS_S: Final = 10.0
"""So long a read model has stood still before nobody is thought to make it go on."""
CHECK: Final = "store"
Goals = dict[str, dict[Partition, int]]


class NotBelieved(Unavailable):
    """The store answers, and its read models are behind what this node may have delivered."""


class StoreTrust:
    """The trust of one node in its store. Costs nothing while the store lives on."""

    def __init__(self, documents: Documents, generations: Generations, progress: Progress, health: Health) -> None:
        self._documents = documents
        self._health = health
        self._generations = generations
        self._progress = progress
        self._trusted: int | None = None
        self._asked: int | None = None
        self._goals: Goals = {}
        self._behind: Goals = {}
        self._began = 0.0
        self._since = 0.0
        self._looking: asyncio.Task[None] | None = None

    @property
    def life(self) -> int:
        """The store's life: what was read in two of them does not belong together."""
        return self._documents.life + self._generations.went_back

    async def settled(self) -> None:
        """Return when the store may be believed, at once where it was before. Raises `Unavailable` after 2 s."""
        while self._trusted != self.life:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look(), name="store-trust")
                self._looking.add_done_callback(retrieved)
            await asyncio.shield(self._looking)

    async def _look(self) -> None:
        """Believe the store, or raise `Unavailable`: one look for all who wait."""
        try:
            await self._believe()
        except Unavailable as error:
            if not isinstance(error, NotBelieved):
                self._behind = {}  # while a server is away nothing goes on: that says nothing of the workers
            self._health.warns(CHECK, error)
            raise
        self._health.goes_on(CHECK)

    async def _believe(self) -> None:
        await self._progress.refresh()
        if (life := self.life) != self._asked:
            self._goals, self._asked, self._began = await self._ends(), life, _now()
        await self._passed()
        if self.life == life:
            self._trusted = life

    async def _passed(self) -> None:
        """Return where the read models have passed the goals, or nobody makes them do so."""
        try:
            for model, goals in self._goals.items():
                await self._progress.pass_by(model, goals)
        except NotReady as error:
            if self._trusted is None and _now() - self._began > START_S:
                logger.warning("the read models are behind the log, and this node begins with what they have")
            elif not await self._stands_still():
                raise NotBelieved(f"the store is not believed yet: {error}") from error

    async def _stands_still(self) -> bool:
        """Whether no read model that is behind goes on: its workers do not run, and waiting for them would keep the
        others from being read.
        """
        behind = {model: await self._progress.behind(model, goals) for model, goals in self._goals.items()}
        if behind != self._behind:
            self._behind, self._since = behind, _now()
        if _now() - self._since < STANDS_S:
            return False
        names = ", ".join(model for model, places in behind.items() if places)
        logger.warning("the store was started anew, and nobody makes %s go on: it is believed as it is", names)
        return True

    async def passed(self, model: str, keys: Sequence[tuple[str, str]]) -> None:
        """Return when a read model has passed the log's end of now in the partitions of these topics and keys.

        Raises `NotReady` after 2 s, and `Unavailable`.
        """
        await self._progress.pass_ends(model, {partition_of(topic, key.encode()) for topic, key in keys})

    async def _ends(self) -> Goals:
        goals = await self._progress.ends({at for topics in READ.values() for at in partitions(*topics)})
        return {model: {at: goals[at] for at in partitions(*topics) if at in goals} for model, topics in READ.items()}


def _now() -> float:
    return asyncio.get_running_loop().time()
