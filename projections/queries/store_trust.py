"""StoreTrust trusts a store, at a node's start and after a restart of the store, once its read models have passed the
log's end.

Its server may have lost confirmed writes, and with them rows that this node, or an earlier one, has delivered. Until
workers have rebuilt them, its rows are not sent to clients and its heads are not used as positions.
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
TOPICS_OF_MODEL: Final = {
    message_rows.MODEL: tuple(message_rows.LANE_OF),
    conversation_rows.MODEL: (CONVERSATION_UPDATED,),
    inbox_rows.MODEL: (USER_ACTION,),
}
"""The read models whose rows a node delivers → the topics they are built from."""
START_TIMEOUT_S: Final = 10.0
"""Maximum time that a starting node waits for read models that lag behind."""
STALLED_AFTER_S: Final = 10.0
"""Time without progress after which a read model counts as having no running worker."""
CHECK: Final = "store"
Goals = dict[str, dict[Partition, int]]


class NotTrusted(Unavailable):
    """The store answers, but its read models lag behind what this node may have delivered."""


class StoreTrust:
    """The trust of one node in its store. It costs nothing while the store is not restarted."""

    def __init__(self, documents: Documents, generations: Generations, progress: Progress, health: Health) -> None:
        self._documents = documents
        self._health = health
        self._generations = generations
        self._progress = progress
        self._trusted: int | None = None
        self._goals_life: int | None = None
        self._goals: Goals = {}
        self._lag: Goals = {}
        self._began = 0.0
        self._since = 0.0
        self._checking: asyncio.Task[None] | None = None

    @property
    def life(self) -> int:
        """The store's life: rows read in two lives must not be combined."""
        return self._documents.life + self._generations.went_back

    async def wait_until_trusted(self) -> None:
        """Return when the store is trusted, at once if it was before. Raises `Unavailable` after 2 s."""
        while self._trusted != self.life:
            if self._checking is None or self._checking.done():
                self._checking = asyncio.create_task(self._check(), name="store-trust")
                self._checking.add_done_callback(retrieved)
            await asyncio.shield(self._checking)

    async def _check(self) -> None:
        """Trust the store, or raise `Unavailable`: one check for all waiting callers."""
        try:
            await self._check_store()
        except Unavailable as error:
            if not isinstance(error, NotTrusted):
                self._lag = {}  # during an outage nothing progresses: that says nothing about the workers
            self._health.warns(CHECK, error)
            raise
        self._health.goes_on(CHECK)

    async def _check_store(self) -> None:
        await self._progress.refresh()
        if (life := self.life) != self._goals_life:
            self._goals, self._goals_life, self._began = await self._goals_now(), life, _now()
        await self._wait_until_goals_passed()
        if self.life == life:
            self._trusted = life

    async def _wait_until_goals_passed(self) -> None:
        """Return if the read models have passed the goals, or have no running worker."""
        try:
            for model, goals in self._goals.items():
                await self._progress.pass_by(model, goals)
        except NotReady as error:
            if self._trusted is None and _now() - self._began > START_TIMEOUT_S:
                logger.warning("the read models lag behind the log, and this node starts with what they have")
            elif not await self._is_stalled():
                raise NotTrusted(f"the store is not trusted yet: {error}") from error

    async def _is_stalled(self) -> bool:
        """Return whether no lagging read model progresses: their workers do not run, and to wait for them would make
        the other models unreadable.
        """
        lag = {model: await self._progress.behind(model, goals) for model, goals in self._goals.items()}
        if lag != self._lag:
            self._lag, self._since = lag, _now()
        if _now() - self._since < STALLED_AFTER_S:
            return False
        names = ", ".join(model for model, places in lag.items() if places)
        logger.warning("the store was restarted, and no worker updates %s: it is trusted as it is", names)
        return True

    async def wait_until_passed(self, model: str, keys: Sequence[tuple[str, str]]) -> None:
        """Return when a read model has passed the log's present end in the partitions of these topics and keys.

        Raises `NotReady` after 2 s, and `Unavailable`.
        """
        await self._progress.pass_ends(model, {partition_of(topic, key.encode()) for topic, key in keys})

    async def _goals_now(self) -> Goals:
        goals = await self._progress.end_positions(
            {at for topics in TOPICS_OF_MODEL.values() for at in partitions(*topics)}
        )
        return {
            model: {at: goals[at] for at in partitions(*topics) if at in goals}
            for model, topics in TOPICS_OF_MODEL.items()
        }


def _now() -> float:
    return asyncio.get_running_loop().time()
