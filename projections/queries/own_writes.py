"""What a session had acknowledged is in every later answer to it: a query waits until what it reads has passed that.

It is known by position: where each command of a session was appended. Of what has been passed nothing is kept, so who
asks twice waits once, and who wrote nothing waits for nothing.
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
from schemas.commands import Command, ConversationCommand, MessageCommand, queries
from schemas.commands.inbox import InboxCommand
from schemas.commands.queries import GetConversation, GetMessage, ListConversations, Query, SearchMessages, Thread
from schemas.envelope import Record
from schemas.topics import MESSAGE_SENT, partition_of

VIEW: Final = "view"
"""The node's own view of who is in what."""
WRITTEN: Final[Mapping[type[Command], tuple[str, ...]]] = {
    **dict.fromkeys(get_args(MessageCommand), (message_rows.MODEL,)),
    **dict.fromkeys(get_args(ConversationCommand), (VIEW, conversation_rows.MODEL)),
    **dict.fromkeys(get_args(InboxCommand), (inbox_rows.MODEL,)),
}
"""What reads the record of a command."""
SAID: Final = (VIEW, message_rows.MODEL, inbox_rows.MODEL)
READS: Final[Mapping[type[Query], tuple[str, ...]]] = {
    GetMessage: SAID,
    queries.History: SAID,
    Thread: SAID,
    ListConversations: SAID,
    SearchMessages: SAID,
    GetConversation: (*SAID, conversation_rows.MODEL),
}
"""What the answer to a query is read from. A `sync` tells what there is, and the rest comes as pushes; which messages a
search finds is up to the index.
"""
KEPT: Final = 256
"""So many keys are kept apart for each; then only their partitions are."""

Written = dict[tuple[str, bytes], int]
"""Topic and key → the position of the last record that was acknowledged."""


def read_by(query: Query) -> tuple[str, ...]:
    """What reads the records that the answer is made from; of those that one has left a list shows the change."""
    if isinstance(query, ListConversations) and not query.present:
        return READS[GetConversation]
    return READS.get(type(query), ())


class OwnWrites:
    """What one session had acknowledged and is not known to have been read, by what reads it."""

    __slots__ = ("_said", "_written")

    def __init__(self) -> None:
        self._written: dict[str, Written] = {}
        self._said: dict[str, None] = {}

    def add(self, command: Command, record: Record, position: int) -> None:
        """A command of this session is in the log, as this record."""
        at = record.topic, record.key or b""
        if record.topic == MESSAGE_SENT and len(self._said) < KEPT:
            self._said[at[1].decode()] = None
        for reader in WRITTEN.get(type(command), ()):
            written = self._written.setdefault(reader, {})
            written[at] = max(position, written.get(at, position))
            if len(written) > KEPT:
                self._written[reader] = _last_of_each_partition(written)

    def take_said(self) -> Collection[str]:
        """The conversations in which it said something since this was asked last: their pushes may be on the way."""
        said, self._said = self._said, {}
        return said

    def of(self, reader: str) -> Written:
        """What this reader is not known to have read."""
        return self._written.get(reader, {})

    def passed(self, reader: str, written: Written) -> None:
        """It has read all of this; what was acknowledged since stays."""
        left = {at: position for at, position in self.of(reader).items() if written.get(at, -1) < position}
        if left:
            self._written[reader] = left
        else:
            self._written.pop(reader, None)


NOTHING: Final = OwnWrites()
"""Of a session that wrote nothing."""


class OwnWritesRead:
    """Waits for what queries read."""

    def __init__(self, memberships: Memberships, progress: Progress) -> None:
        self._memberships = memberships
        self._progress = progress

    async def wait(self, writes: OwnWrites, query: Query) -> None:
        """Return when all that was acknowledged before is where this query reads. Raises `NotReady` after 2 s, and
        `Unavailable`.
        """
        needed = [reader for reader in read_by(query) if writes.of(reader)]
        if not needed:
            return
        try:
            async with asyncio.timeout(progress.PROOF_S):
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
    """The same, by one key of each partition: whoever has read its last record has read the others."""
    found: dict[object, tuple[tuple[str, bytes], int]] = {}
    for at, position in sorted(written.items(), key=lambda item: item[1]):
        found[partition_of(*at)] = at, position
    return dict(found.values())
