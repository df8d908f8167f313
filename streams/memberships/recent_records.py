"""RecentRecords keeps the records that the read model may lack: all that were read from a checkpoint of it on."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from projections.conversations.changes import users_of
from schemas.events import ConversationEvent
from schemas.topics import Partition

UserKey = tuple[str, str]
"""Tenant and user."""


class RecentRecord(NamedTuple):
    """A record that counts: of conversation `key`, its event None if it is unreadable."""

    at: Partition
    offset: int
    event_id: str
    key: str
    event: ConversationEvent | None

    @property
    def users(self) -> list[UserKey]:
        """The users whom the event names."""
        return [] if self.event is None else [(self.event.tenant, user) for user in users_of(self.event)]


class RecentRecords:
    """The records of each partition from the offset `begins` on, in order."""

    def __init__(self) -> None:
        self.begins: dict[Partition, int] = {}
        self._records: dict[Partition, deque[RecentRecord]] = {}
        self._of_key: dict[str, deque[RecentRecord]] = {}
        self._naming: dict[UserKey, dict[str, int]] = {}

    def __len__(self) -> int:
        return sum(len(records) for records in self._records.values())

    def begin(self, offsets: Mapping[Partition, int]) -> None:
        """Keep the records from these offsets on."""
        self.begins.update(offsets)

    def add(self, record: RecentRecord) -> None:
        """Add the next record of its partition."""
        self._records.setdefault(record.at, deque()).append(record)
        self._of_key.setdefault(record.key, deque()).append(record)
        for user in record.users:
            keys = self._naming.setdefault(user, {})
            keys[record.key] = keys.get(record.key, 0) + 1

    def trim(self, offsets: Mapping[Partition, int]) -> None:
        """Drop the records before these offsets, which the read model has."""
        for at, offset in offsets.items():
            records = self._records.get(at, ())
            while records and records[0].offset < offset:
                self._drop(records.popleft())
            self.begins[at] = max(offset, self.begins.get(at, 0))

    def _drop(self, record: RecentRecord) -> None:
        of_key = self._of_key[record.key]
        of_key.popleft()
        if not of_key:
            del self._of_key[record.key]
        for user in record.users:
            keys = self._naming[user]
            keys[record.key] -= 1
            if not keys[record.key]:
                del keys[record.key]
            if not keys:
                del self._naming[user]

    def of(self, key: str) -> Sequence[RecentRecord]:
        """Return the records of a conversation."""
        return self._of_key.get(key, ())

    def naming(self, user: UserKey) -> list[str]:
        """Return the conversations with a record that names this user."""
        return list(self._naming.get(user, ()))
