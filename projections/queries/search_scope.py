"""SearchScope computes what a user may search: membership intervals as ranges of log offsets, for the index."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from core.domain.conversation import Conversation
from core.domain.member import Interval
from core.identity import Identity
from core.ports.memberships import Memberships
from core.ports.search_index import END, OffsetRange
from core.positions import offset_of
from projections.messages.reader import MessageReader
from projections.queries import message_ranges
from projections.queries.lanes import Lanes
from projections.queries.membership_ends import as_read

BATCH_SIZE: Final = 50
"""Maximum number of conversations whose intervals are read together."""
MAX_OFFSETS: Final = 100_000
"""Maximum number of message offsets that are remembered; they never change."""
EVERYTHING: Final = (Interval(1),)


class SearchScope:
    """Computes the searchable ranges of one node's users. Raises `Unavailable`."""

    def __init__(self, memberships: Memberships, lanes: Lanes, reader: MessageReader) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._reader = reader
        self._offsets: OrderedDict[tuple[str, int], int] = OrderedDict()

    async def readable_ranges(self, who: Identity, conversation_ids: Iterable[str]) -> list[OffsetRange]:
        """Return what this user may read of these conversations, without messages after the heads."""
        found, partly = list[OffsetRange](), list[Conversation]()
        for key, view in (await self._memberships.find_all(conversation_ids)).items():
            if view.tenant != who.tenant or who.user_id not in view.members:
                continue
            if view.members[who.user_id].intervals == EVERYTHING:
                found.append(OffsetRange(key))
            else:
                partly.append(view)
        for start in range(0, len(partly), BATCH_SIZE):
            part = partly[start : start + BATCH_SIZE]
            heads = await self._lanes.heads([view.conversation_id for view in part])
            each = [self._parts(who, view, heads[view.conversation_id]["sent"]) for view in part]
            found += [one for ranges in await asyncio.gather(*each) for one in ranges]
        return found

    async def _parts(self, who: Identity, view: Conversation, head: int) -> list[OffsetRange]:
        key = view.conversation_id
        member = await as_read(self._lanes, key, view.members[who.user_id], head)
        found = list[OffsetRange]()
        for part in message_ranges.readable(member, head):
            first = 0 if part.start == 1 else await self._offset(key, part.start)
            last = END if member.present and part.stop > head else await self._offset(key, part.stop - 1)
            if first is not None and last is not None:
                found.append(OffsetRange(key, first, last))
        return found

    async def _offset(self, conversation_id: str, seq: int) -> int | None:
        """Return the offset of message `seq` in its partition; None if its row is missing."""
        at = conversation_id, seq
        if at not in self._offsets:
            for row in await self._reader.part(conversation_id, range(seq, seq + 1)):
                self._offsets[at] = offset_of(row["sent"]["pos"])
            if len(self._offsets) > MAX_OFFSETS:
                self._offsets.popitem(last=False)
        return self._offsets.get(at)
