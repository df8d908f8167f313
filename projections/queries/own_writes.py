"""Read your own writes: every answer to a session has what was acknowledged to it before; queries wait for that.

OwnWrites keeps the position of each command that a session appended. Positions that readers have passed are dropped, so
only the first query waits, and a session that wrote nothing does not wait.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Final, get_args

from core.ports.memberships import Memberships, NotReady
from projections import progress
from projections.conversations import conversation_rows
from projections.inbox import inbox_rows
from projections.messages import message_rows
from projections.progress import Progress
from schemas.commands import Command, queries
from schemas.commands.conversation import ConversationCommand
from schemas.commands.inbox import InboxCommand
from schemas.commands.message import MessageCommand
from schemas.commands.queries import GetConversation, GetMessage, ListConversations, Query, SearchMessages, Thread
from schemas.envelope import Record
from schemas.topics import MESSAGE_SENT, partition_of

VIEW: Final = "view"
"""The node's own view of memberships."""
WRITTEN: Final[Mapping[type[Command], tuple[str, ...]]] = {
    **dict.fromkeys(get_args(MessageCommand), (message_rows.MODEL,)),
    **dict.fromkeys(get_args(ConversationCommand), (VIEW, conversation_rows.MODEL)),
    **dict.fromkeys(get_args(InboxCommand), (inbox_rows.MODEL,)),
}
"""Command → the readers of its record."""
MODEL_OF: Final[Mapping[type[Command], str]] = {command: readers[-1] for command, readers in WRITTEN.items()}
"""Command → the read model that its record is for."""
MESSAGE_READERS: Final = (VIEW, message_rows.MODEL, inbox_rows.MODEL)
READS: Final[Mapping[type[Query], tuple[str, ...]]] = {
    GetMessage: MESSAGE_READERS,
    queries.History: MESSAGE_READERS,
    Thread: MESSAGE_READERS,
    ListConversations: MESSAGE_READERS,
    SearchMessages: MESSAGE_READERS,
    GetConversation: (*MESSAGE_READERS, conversation_rows.MODEL),
}
"""Query → the readers that its answer depends on. A `sync` sends what is there, and the rest arrives as pushes; which
messages a search finds depends on the index.
"""
MAX_KEYS: Final = 256
"""Maximum number of keys that are kept per reader; beyond it one key per partition is kept."""

Written = dict[tuple[str, bytes], int]
"""Topic and key → the position of the last record that was acknowledged."""


def read_by(query: Query) -> tuple[str, ...]:
    """Return the readers that the answer to a query depends on; a list of left conversations shows changes too."""
    if isinstance(query, ListConversations) and not query.present:
        return READS[GetConversation]
    return READS.get(type(query), ())


class OwnWrites:
    """The acknowledged writes of one session, per reader, that the reader is not known to have passed."""

    __slots__ = ("_recently_sent", "_written")

    def __init__(self) -> None:
        self._written: dict[str, Written] = {}
        self._recently_sent: dict[str, None] = {}

    def add(self, command: Command, record: Record, position: int) -> None:
        """Add a command of this session that is in the log as this record."""
        at = record.topic, record.key or b""
        if record.topic == MESSAGE_SENT and len(self._recently_sent) < MAX_KEYS:
            self._recently_sent[at[1].decode()] = None
        for reader in WRITTEN.get(type(command), ()):
            written = self._written.setdefault(reader, {})
            written[at] = max(position, written.get(at, position))
            if len(written) > MAX_KEYS:
                self._written[reader] = _last_of_each_partition(written)

    def take_recently_sent(self) -> Collection[str]:
        """Return the conversations with messages of this session since the last call, which may not be pushed yet."""
        recently_sent, self._recently_sent = self._recently_sent, {}
        return recently_sent

    def of(self, reader: str) -> Written:
        """Return the writes that this reader is not known to have passed."""
        return self._written.get(reader, {})

    def passed(self, reader: str, written: Written) -> None:
        """Drop these writes, which the reader has passed; newer ones are kept."""
        left = {at: position for at, position in self.of(reader).items() if written.get(at, -1) < position}
        if left:
            self._written[reader] = left
        else:
            self._written.pop(reader, None)


NOTHING: Final = OwnWrites()
"""The writes of a session that wrote nothing."""


class OwnWritesRead:
    """Waits until the readers that a query depends on have passed a session's writes."""

    def __init__(self, memberships: Memberships, progress: Progress) -> None:
        self._memberships = memberships
        self._progress = progress

    async def wait(self, writes: OwnWrites, query: Query) -> None:
        """Return when this query's readers have passed all writes acknowledged before. Raises `NotReady` after 2 s,
        and `Unavailable`.
        """
        needed = [reader for reader in read_by(query) if writes.of(reader)]
        if not needed:
            return
        try:
            async with asyncio.timeout(progress.CATCH_UP_TIMEOUT_S):
                for reader in needed:
                    written = dict(writes.of(reader))
                    await self._passed(reader, written)
                    writes.passed(reader, written)
        except TimeoutError:
            raise NotReady("what this session wrote has not been read yet") from None

    async def _passed(self, reader: str, written: Written) -> None:
        if reader == VIEW:
            for (_, key), position in written.items():
                await self._memberships.pass_by(key.decode(), position)
            return
        goals = {partition_of(*at): 0 for at in written}
        for at, position in written.items():
            goals[partition_of(*at)] = max(goals[partition_of(*at)], position + 1)
        await self._progress.pass_by(reader, goals)


def _last_of_each_partition(written: Written) -> Written:
    """Return the writes with one key per partition: a reader that has passed its last record has passed the others."""
    found: dict[object, tuple[tuple[str, bytes], int]] = {}
    for at, position in sorted(written.items(), key=lambda item: item[1]):
        found[partition_of(*at)] = at, position
    return dict(found.values())
