"""MembershipTail is a node's view of who is in which conversation: it tails `conversation.updated` from where the read
model is, and loads from there what is needed."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from core.domain.conversation import Conversation
from core.health import Health
from core.outages import Outage
from core.ports.documents import Documents
from core.ports.event_log import EventLog, Received, Unavailable
from core.ports.memberships import NotReady, OnChange, ViewChange
from core.positions import offset_of
from projections.conversations import conversation_rows
from schemas import envelope
from schemas.envelope import Foreign, Known, Unreadable
from schemas.events import ConversationEvent
from schemas.topics import CONVERSATION_UPDATED, Partition, partitions
from streams.memberships.conversation_views import ConversationViews
from streams.memberships.followed_users import FollowedUsers
from streams.memberships.recent_records import RecentRecord
from streams.memberships.start import MembershipStart
from streams.memberships.view_reader import place_of
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
        self._views = ConversationViews(documents, health, self._report, self._wake)
        self._users = FollowedUsers(self._views)
        self._begun = False
        self._advanced = asyncio.Event()
        self._outage = Outage(WAITS_FOR)
        self._subscribers: dict[object, OnChange] = {}

    def subscribe(self, callback: OnChange) -> Callable[[], None]:
        """Call `callback` after each event that is read from now on. Return what ends that."""
        subscription = object()
        self._subscribers[subscription] = callback

        def end() -> None:
            self._subscribers.pop(subscription, None)

        return end

    def _report(self, change: ViewChange) -> None:
        for callback in list(self._subscribers.values()):
            callback(change)

    # Conversations

    def get(self, conversation_id: str) -> Conversation | None:
        """Return the conversation as read so far, if it is loaded."""
        return self._views.loaded.get(conversation_id)

    async def find(self, conversation_id: str) -> Conversation | None:
        """Return the conversation as read so far."""
        await self._require_begun()
        return await self._views.find(conversation_id)

    async def find_all(self, conversation_ids: Iterable[str]) -> dict[str, Conversation]:
        """Return those of these conversations that there are."""
        await self._require_begun()
        return await self._views.find_all(conversation_ids)

    async def follow(self, tenant: str, user_id: str) -> None:
        """Load all conversations of a user, and keep them."""
        await self._require_begun()
        await self._users.follow((tenant, user_id))

    def unfollow(self, tenant: str, user_id: str) -> None:
        """End what `follow` began."""
        self._users.unfollow((tenant, user_id))

    def of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        """Return every conversation a followed user was ever in."""
        return self._views.loaded.of_user((tenant, user_id))

    def present_of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        """Return every loaded conversation the user is a member of now."""
        return self._views.loaded.present_of_user((tenant, user_id))

    async def counts_of_users(self, tenant: str, user_ids: Iterable[str]) -> dict[str, int]:
        """Return how many conversations any users are members of now."""
        await self._require_begun()
        found = await self._users.counts([(tenant, user_id) for user_id in user_ids])
        return {user_id: count for (_, user_id), count in found.items()}

    async def _require_begun(self) -> None:
        if not await self._until(lambda: self._begun, PROOF_S):
            raise NotReady("the view of conversations has not begun yet")

    # Progress

    async def prove(self, conversation_id: str | None) -> None:
        """Wait until the current end of the conversation's partition, or of all partitions, has been read."""
        places = partitions(CONVERSATION_UPDATED) if conversation_id is None else (place_of(conversation_id),)
        for at, end in (await self._log.end_offsets(places)).items():
            await self._pass_by(at, end)
        if conversation_id is None:
            self._users.forget_counts()

    async def pass_by(self, conversation_id: str, position: int) -> None:
        """Wait until the record at this position of the conversation's partition has been read."""
        await self._pass_by(place_of(conversation_id), offset_of(position) + 1)

    async def _pass_by(self, at: Partition, end: int) -> None:
        if not await self._until(lambda: self._has_passed(at, end), PROOF_S):
            raise NotReady(f"the view of conversations is more than {PROOF_S:.0f} s behind the log")

    def _has_passed(self, at: Partition, end: int) -> bool:
        return self._views.read.get(at, 0) >= end and not self._views.waits_at(at)

    async def wait_for(self, conversation_id: str, n: int, timeout_s: float = 1.0) -> bool:
        """Wait until the view of this conversation is as new as `n`; return whether it is."""
        if conversation_id not in self._views.loaded:
            found = await self.find(conversation_id)
            if found is not None and found.n >= n:
                return True
        return await self._until(lambda: self._views.loaded.count(conversation_id) >= n, timeout_s)

    # Tasks

    async def run(self) -> None:
        """Start, then tail the topic until cancelled. Raises `LogTruncated` and `LogMismatch`."""
        self._health.waits(WAITS_FOR, "starting")
        offsets = await MembershipStart(self._log, self._documents, self._health).offsets()
        self._views.begin(offsets)
        self._begun = True
        self._wake()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch(), name="memberships-watch")
            tasks.create_task(self._views.load_pending(), name="memberships-load")
            tasks.create_task(self._views.trim(), name="memberships-trim")
            async for batch in self._log.read(offsets):
                self._take(batch)

    def _take(self, batch: Sequence[Received]) -> None:
        for record in batch:
            match envelope.read(record.topic, record.key, record.value, record.headers):
                case Known(found, event):
                    self._take_one(record, found.id, found.subject, event)
                case Unreadable(found, _):
                    self._take_one(record, found.id, found.subject, None)
                case Foreign():
                    pass  # the processor writes the dead letters
            self._views.read[record.at()] = record.offset + 1
        self._wake()

    def _take_one(self, record: Received, event_id: str, key: str, event: object) -> None:
        known = event if isinstance(event, ConversationEvent) else None
        self._views.take(RecentRecord(record.at(), record.offset, event_id, key, known))

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
        read = dict(self._views.read)  # before the ends: what is read meanwhile does not make the log look short
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
        return all(self._views.read.get(at, 0) >= end for at, end in ends.items())

    async def _until(self, reached: Callable[[], bool], timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                while not reached():
                    await self._advanced.wait()
        except TimeoutError:
            return reached()
        return True
