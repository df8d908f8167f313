"""ConversationViews loads conversations when they are needed, and applies the log's records to those that are loaded.

A conversation is what the read model has of it and the recent records that this lacks; from then on each record is
applied as it is read. A record that names a followed user loads its conversation, in the background: until then it is
pending, with all later records of that conversation.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from core.domain.conversation import Conversation
from core.health import Health
from core.outages import Outage
from core.ports.documents import Documents
from core.ports.event_log import Unavailable
from core.ports.memberships import NotReady, ViewChange
from core.positions import offset_of
from core.retry import Backoff
from schemas.topics import Partition
from streams.memberships.loaded import LoadedConversations
from streams.memberships.recent_records import RecentRecord, RecentRecords, UserKey
from streams.memberships.view_reader import SavedConversation, ViewReader, place_of

LOADED_AT_ONCE: Final = 200
"""Maximum number of conversations that are loaded in one turn of the loop."""
MAX_ATTEMPTS: Final = 10
"""Maximum number of reads of one load: a switch of generations or a trim of the recent records makes one vain."""
TRIM_INTERVAL_S: Final = 1.0
WAITS_FOR: Final = "memberships-load"


class ConversationViews:
    """`report` takes each change that subscribers receive, `advanced` is called after a load; neither may raise."""

    def __init__(
        self, documents: Documents, health: Health, report: Callable[[ViewChange], None], advanced: Callable[[], None]
    ) -> None:
        self.loaded: Final = LoadedConversations()
        self.read: Final[dict[Partition, int]] = {}
        """The offset of each partition's next record."""
        self._recent = RecentRecords()
        self._reader = ViewReader(documents, self._recent)
        self._health = health
        self._report = report
        self._advanced = advanced
        self._pending: dict[str, list[RecentRecord]] = {}
        self._wanted = asyncio.Event()

    # Records

    def begin(self, offsets: Mapping[Partition, int]) -> None:
        """Begin at the offsets that the read model has reached."""
        self._recent.begin(offsets)
        self.read.update(offsets)

    def take(self, record: RecentRecord) -> None:
        """Apply the next record of its partition, or keep it until its conversation is loaded."""
        self._recent.add(record)
        key = record.key
        if key in self.loaded:
            self._apply(record)
        elif key in self._pending or any(self.loaded.holds(user) for user in record.users):
            self._pending.setdefault(key, []).append(record)
            self._wanted.set()

    def _apply(self, record: RecentRecord, *, reported: bool = True) -> None:
        change = self.loaded.apply(record)
        if reported and change is not None:
            self._report(change)

    def waits_at(self, at: Partition) -> bool:
        """Return whether a record of this partition waits for its conversation."""
        return any(records[0].at == at for records in self._pending.values())

    # Loads

    async def find(self, key: str) -> Conversation | None:
        """Return a conversation, None if there is none. Raises `Unavailable` and `NotReady`."""
        if key in self.loaded:
            self.loaded.touch(key)
            return self.loaded.get(key)
        return (await self.find_all([key])).get(key)

    async def find_all(self, keys: Iterable[str]) -> dict[str, Conversation]:
        """Return those of these conversations that there are. Raises `Unavailable` and `NotReady`."""
        wanted, found = list(keys), dict[str, Conversation]()
        for start in range(0, len(wanted), LOADED_AT_ONCE):
            part = wanted[start : start + LOADED_AT_ONCE]
            await self._load(part)
            for key in part:
                self.loaded.touch(key)
                if (state := self.loaded.get(key)) is not None:
                    found[key] = state
            self.loaded.forget_idle()
        return found

    async def _load(self, keys: Iterable[str]) -> None:
        """Return when all of these are loaded at once; it is not interrupted after that."""
        for _ in range(MAX_ATTEMPTS):
            missing = [key for key in keys if key not in self.loaded]
            if not missing:
                return
            reading = await self._reader.begin()
            saved = await self._reader.conversations(reading, missing)
            if await self._reader.holds(reading):
                for key, one in saved.items():
                    self._complete(key, one)
                self._advanced()
        if any(key not in self.loaded for key in keys):
            raise NotReady("the read model conversations changed while it was read")

    def _complete(self, key: str, saved: SavedConversation) -> None:
        """Complete what was read by the recent records; report those that waited for it."""
        if key in self.loaded:
            return
        pending = self._pending.pop(key, [])
        first = pending[0].offset if pending else self.read.get(place_of(key), 0)
        self.loaded.begin(key, saved, first)
        records = {record.offset: record for record in [*pending, *self._recent.of(key)]}
        for offset in sorted(records):
            self._apply(records[offset], reported=offset >= first)

    # Users

    async def conversations_of(self, users: Collection[UserKey]) -> dict[UserKey, dict[str, bool]]:
        """Return the conversations that each of some users is or was in, and whether they are. Raises as `find`."""
        for _ in range(MAX_ATTEMPTS):
            reading = await self._reader.begin()
            found = await asyncio.gather(*(self._reader.participations(reading, user) for user in users))
            await self._load(self._named(users))
            if await self._reader.holds(reading) and all(key in self.loaded for key in self._named(users)):
                return {user: self._now(user, saved) for user, saved in zip(users, found, strict=True)}
        raise NotReady("the read model conversations changed while it was read")

    def _named(self, users: Iterable[UserKey]) -> list[str]:
        """Return the conversations with a recent record that names one of these users."""
        return list(dict.fromkeys(key for user in users for key in self._recent.naming(user)))

    def _now(self, user: UserKey, saved: Mapping[str, bool]) -> dict[str, bool]:
        keys = dict.fromkeys([*saved, *self._recent.naming(user)])
        return {key: now for key in keys if (now := self._is_in(user, key, saved)) is not None}

    def _is_in(self, user: UserKey, key: str, saved: Mapping[str, bool]) -> bool | None:
        """Return whether a user is in a conversation, None if they never were: as loaded, or else as saved."""
        if key not in self.loaded:
            return saved.get(key)
        tenant, user_id = user
        state = self.loaded.get(key)
        known = state is not None and state.tenant == tenant and user_id in state.members
        return state.is_member(user_id) if known and state is not None else None

    # Tasks

    async def load_pending(self) -> None:
        """Load the conversations of records that wait, until it is cancelled; a store that is down is tried again."""
        outage, backoff = Outage(WAITS_FOR), Backoff()
        while True:
            await self._wanted.wait()
            try:
                await self.find_all(list(self._pending))
            except (Unavailable, NotReady) as error:
                outage.begins(error)
                self._health.warns(WAITS_FOR, error)
                await backoff.pause()
                continue
            outage.ends()
            backoff.reset()
            self._health.goes_on(WAITS_FOR)
            if not self._pending:
                self._wanted.clear()

    async def trim(self) -> None:
        """Forget the records that the read model has, now and then, until it is cancelled."""
        while True:
            await asyncio.sleep(TRIM_INTERVAL_S)
            if len(self._recent):
                await self._trim()

    async def _trim(self) -> None:
        try:
            reading = await self._reader.begin()
        except (Unavailable, NotReady):
            return  # they are kept until it can be read
        self._recent.trim({at: offset_of(position) for at, position in reading.saved.items()})
