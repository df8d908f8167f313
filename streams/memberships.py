"""A node's view of who is in what: `conversation.updated`, tailed from its beginning and folded in memory."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from core.domain.conversation import Conversation
from core.health import Health
from core.ports.event_log import EventLog, Received, Unavailable
from core.ports.memberships import NotReady
from projections import conversations
from schemas import envelope
from schemas.envelope import Foreign, Known, Unreadable
from schemas.events import ConversationEvent
from schemas.topics import CONVERSATION_UPDATED, Partition, partition_of, partitions

logger: Final = logging.getLogger("caas.memberships")
PROOF_S: Final = 2.0
STALE_S: Final = 5.0
LOOK_S: Final = 1.0
WAITS_FOR: Final = "memberships"

OnChange = Callable[[ConversationEvent, Conversation], None]


class LogTruncatedAtBirth(Exception):
    """The topic no longer begins at its birth: its fold would be wrong."""


class MembershipTail:
    """The `Memberships` port. `on_change` is called after each event that was folded, in order."""

    def __init__(self, log: EventLog, health: Health) -> None:
        self.on_change: OnChange | None = None
        self.fresh = False
        self._log = log
        self._health = health
        self._conversations: dict[str, Conversation] = {}
        self._counts: dict[str, int] = {}
        self._folded: dict[str, set[str]] = {}
        self._of_user: dict[tuple[str, str], set[str]] = {}
        self._read: dict[Partition, int] = {}
        self._moved = asyncio.Event()

    def get(self, conversation_id: str) -> Conversation | None:
        """The conversation as folded so far."""
        return self._conversations.get(conversation_id)

    def of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        """Every conversation the user was ever in."""
        return frozenset(self._of_user.get((tenant, user_id), ()))

    async def prove(self, conversation_id: str) -> None:
        """Take the end of the conversation's partition and wait until it has been folded."""
        at = partition_of(CONVERSATION_UPDATED, conversation_id.encode())
        end = (await self._log.ends([at]))[at]
        if not await self._until(lambda: self._read.get(at, 0) >= end, PROOF_S):
            raise NotReady(f"the view of conversations is more than {PROOF_S:.0f} s behind the log")

    async def wait_for(self, conversation_id: str, n: int, timeout_s: float = 1.0) -> bool:
        """Wait until the view of this conversation is as new as `n`; whether it is."""
        return await self._until(lambda: self._counts.get(conversation_id, 0) >= n, timeout_s)

    async def run(self) -> None:
        """Tail the topic, for ever."""
        begins = await self._log.begins(partitions(CONVERSATION_UPDATED))
        if any(begins.values()):
            raise LogTruncatedAtBirth(f"{CONVERSATION_UPDATED} begins at {begins}")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch(), name="memberships-watch")
            async for batch in self._log.read(begins):
                self._take(batch)

    def _take(self, batch: Sequence[Received]) -> None:
        for record in batch:
            match envelope.read(record.topic, record.key, record.value, record.headers):
                case Known(found, event):
                    self._fold(found.id, found.subject, event)
                case Unreadable(found, _):
                    self._fold(found.id, found.subject, None)
                case Foreign():
                    pass  # the processor tells the dead letters
            self._read[record.at()] = record.offset + 1
        self._moved.set()
        self._moved = asyncio.Event()

    def _fold(self, event_id: str, key: str, event: object) -> None:
        folded = self._folded.setdefault(key, set())
        if event_id in folded:
            return
        folded.add(event_id)
        self._counts[key] = n = self._counts.get(key, 0) + 1
        known = event if isinstance(event, ConversationEvent) else None
        state = conversations.counted(self._conversations.get(key), known, n)
        if state is None:
            return
        self._conversations[key] = state
        for user in conversations.users_of(known):
            if user in state.members:
                self._of_user.setdefault((state.tenant, user), set()).add(key)
        if known is not None and self.on_change is not None:
            self.on_change(known, state)

    async def _watch(self) -> None:
        """Once a second: were we at the end within the last five?"""
        loop = asyncio.get_running_loop()
        seen = loop.time() - STALE_S  # until it was at the end once, it is behind
        while True:
            try:
                ends = await self._log.ends(partitions(CONVERSATION_UPDATED))
                if await self._until(lambda: self._passed(ends), LOOK_S):  # noqa: B023 - awaited here
                    seen = loop.time()
            except Unavailable as error:
                logger.debug("the log does not say where it ends: %s", error)
            self._judge(loop.time() - seen < STALE_S)
            await asyncio.sleep(LOOK_S)

    def _judge(self, fresh: bool) -> None:
        if fresh == self.fresh:
            return
        self.fresh = fresh
        if fresh:
            self._health.goes_on(WAITS_FOR)
        else:
            self._health.waits(WAITS_FOR, f"the view of conversations is more than {STALE_S:.0f} s behind")

    def _passed(self, ends: dict[Partition, int]) -> bool:
        return all(self._read.get(at, 0) >= end for at, end in ends.items())

    async def _until(self, reached: Callable[[], bool], within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                while not reached():
                    await self._moved.wait()
        except TimeoutError:
            return reached()
        return True
