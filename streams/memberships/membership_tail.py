"""MembershipTail is a node's view of who is in which conversation: it starts from the read model and tails
`conversation.updated` from there."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from core.domain.conversation import Conversation
from core.health import Health
from core.outages import Outage
from core.ports.documents import Documents
from core.ports.event_log import EventLog, Received, Unavailable
from core.ports.memberships import NotReady, OnChange
from core.positions import offset_of
from projections.conversations import conversation_rows
from schemas import envelope
from schemas.envelope import Foreign, Known, Unreadable
from schemas.events import ConversationEvent
from schemas.topics import CONVERSATION_UPDATED, Partition, partition_of, partitions
from streams.memberships.fold import MembershipFold
from streams.memberships.start import MembershipStart
from streams.runtime.lineage import EndsWatch

PROOF_S: Final = 2.0
STALE_S: Final = 5.0
CHECK_INTERVAL_S: Final = 1.0
ENDS_TIMEOUT_S: Final = 3.0
"""Timeout, in seconds; the log itself reports sooner that it is down."""
WAITS_FOR: Final = "memberships"


class MembershipTail:
    """The `Memberships` port. Those who subscribe receive what is read from the log, not what the read model had."""

    def __init__(self, log: EventLog, documents: Documents, health: Health) -> None:
        self.fresh = False
        self._log = log
        self._documents = documents
        self._health = health
        self._fold = MembershipFold()
        self._read: dict[Partition, int] = {}
        self._advanced = asyncio.Event()
        self._outage = Outage(WAITS_FOR)
        self._subscribers: dict[object, OnChange] = {}

    def subscribe(self, callback: OnChange) -> Callable[[], None]:
        """Call `callback` after each event that is folded from now on. Return what ends that."""
        subscription = object()
        self._subscribers[subscription] = callback

        def end() -> None:
            self._subscribers.pop(subscription, None)

        return end

    def get(self, conversation_id: str) -> Conversation | None:
        """Return the conversation as folded so far."""
        return self._fold.get(conversation_id)

    def of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        """Return every conversation the user was ever in."""
        return self._fold.of_user(tenant, user_id)

    def present_of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        """Return every conversation the user is a member of now."""
        return self._fold.present_of_user(tenant, user_id)

    def count_of_user(self, tenant: str, user_id: str) -> int:
        """Return how many conversations the user is a member of now."""
        return self._fold.count_of_user(tenant, user_id)

    async def prove(self, conversation_id: str | None) -> None:
        """Wait until the current end of the conversation's partition, or of all partitions, has been folded."""
        if conversation_id is None:
            places = partitions(CONVERSATION_UPDATED)
        else:
            places = (partition_of(CONVERSATION_UPDATED, conversation_id.encode()),)
        for at, end in (await self._log.end_offsets(places)).items():
            await self._pass_by(at, end)

    async def pass_by(self, conversation_id: str, position: int) -> None:
        """Wait until the record at this position of the conversation's partition has been folded."""
        await self._pass_by(partition_of(CONVERSATION_UPDATED, conversation_id.encode()), offset_of(position) + 1)

    async def _pass_by(self, at: Partition, end: int) -> None:
        if not await self._until(lambda: self._read.get(at, 0) >= end, PROOF_S):
            raise NotReady(f"the view of conversations is more than {PROOF_S:.0f} s behind the log")

    async def wait_for(self, conversation_id: str, n: int, timeout_s: float = 1.0) -> bool:
        """Wait until the view of this conversation is as new as `n`; return whether it is."""
        return await self._until(lambda: self._fold.count(conversation_id) >= n, timeout_s)

    async def run(self) -> None:
        """Start, then tail the topic until cancelled. Raises `LogTruncated` and `LogMismatch`."""
        self._health.waits(WAITS_FOR, "starting")
        start = await MembershipStart(self._log, self._documents, self._health).read()
        self._fold = start.fold
        self._read.update(start.offsets)
        self._wake()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch(), name="memberships-watch")
            async for batch in self._log.read(start.offsets):
                self._take(batch)

    def _take(self, batch: Sequence[Received]) -> None:
        for record in batch:
            match envelope.read(record.topic, record.key, record.value, record.headers):
                case Known(found, event):
                    self._fold_event(found.id, found.subject, event)
                case Unreadable(found, _):
                    self._fold_event(found.id, found.subject, None)
                case Foreign():
                    pass  # the processor writes the dead letters
            self._read[record.at()] = record.offset + 1
        self._wake()

    def _fold_event(self, event_id: str, key: str, event: object) -> None:
        known = event if isinstance(event, ConversationEvent) else None
        state = self._fold.event(event_id, key, known)
        if state is not None and known is not None:
            for callback in list(self._subscribers.values()):
                callback(known, state)

    def _wake(self) -> None:
        """Let every caller that waits for a newer view check again."""
        self._advanced.set()
        self._advanced = asyncio.Event()

    async def _watch(self) -> None:
        """Check once a second whether the view was at the end within the last five."""
        loop = asyncio.get_running_loop()
        seen, watch = loop.time() - STALE_S, EndsWatch(conversation_rows.MODEL)  # behind until it was at the end
        while True:
            if await self._at_end(watch):
                seen = loop.time()
            self._set_fresh(loop.time() - seen < STALE_S)
            await asyncio.sleep(CHECK_INTERVAL_S)

    async def _at_end(self, watch: EndsWatch) -> bool:
        """Return whether the view is at the current end of the log, within some seconds: a log that does not answer
        does not count as reached.

        Raises `LogMismatch` where it ends before what was read.
        """
        read = dict(self._read)  # before the ends: what is read meanwhile does not make the log look short
        try:
            async with asyncio.timeout(ENDS_TIMEOUT_S):
                ends = await self._log.end_offsets(partitions(CONVERSATION_UPDATED))
        except (Unavailable, TimeoutError) as error:
            self._outage.begins(error)
            return False
        self._outage.ends()
        watch.check(ends, read)
        return await self._until(lambda: self._passed(ends), CHECK_INTERVAL_S)

    def _set_fresh(self, fresh: bool) -> None:
        if fresh == self.fresh:
            return
        self.fresh = fresh
        if fresh:
            self._health.goes_on(WAITS_FOR)
        else:
            self._health.waits(WAITS_FOR, f"the view of conversations is more than {STALE_S:.0f} s behind")

    def _passed(self, ends: dict[Partition, int]) -> bool:
        return all(self._read.get(at, 0) >= end for at, end in ends.items())

    async def _until(self, reached: Callable[[], bool], timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                while not reached():
                    await self._advanced.wait()
        except TimeoutError:
            return reached()
        return True
