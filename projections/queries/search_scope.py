"""Where somebody searches: their stays in conversations, as offsets in the log, which is what an index knows."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from core.domain.conversation import Conversation
from core.domain.member import Interval
from core.identity import Identity
from core.ports.memberships import Memberships
from core.ports.search_index import END, Stay
from core.positions import offset_of
from projections.messages.reader import MessageReader
from projections.queries import message_ranges
from projections.queries.lanes import Lanes
from projections.queries.membership_ends import as_read

AT_ONCE: Final = 50
"""So many conversations are looked into at one time."""
KEPT: Final = 100_000
"""So many offsets of messages are remembered: they never change."""
EVERYTHING: Final = (Interval(1),)


class SearchScope:
    """Finds the stays of one node's users. Raises `Unavailable`."""

    def __init__(self, memberships: Memberships, lanes: Lanes, reader: MessageReader) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._reader = reader
        self._offsets: OrderedDict[tuple[str, int], int] = OrderedDict()

    async def stays(self, who: Identity, conversation_ids: Iterable[str]) -> list[Stay]:
        """What this user reads of these conversations; of messages that nobody has sent yet nothing."""
        found, partly = list[Stay](), list[Conversation]()
        for key in conversation_ids:
            view = self._memberships.get(key)
            if view is None or view.tenant != who.tenant or who.user_id not in view.members:
                continue
            if view.members[who.user_id].intervals == EVERYTHING:
                found.append(Stay(key))
            else:
                partly.append(view)
        for start in range(0, len(partly), AT_ONCE):
            part = partly[start : start + AT_ONCE]
            heads = await self._lanes.heads([view.conversation_id for view in part])
            each = [self._parts(who, view, heads[view.conversation_id]["sent"]) for view in part]
            found += [stay for several in await asyncio.gather(*each) for stay in several]
        return found

    async def _parts(self, who: Identity, view: Conversation, head: int) -> list[Stay]:
        key = view.conversation_id
        member = await as_read(self._lanes, key, view.members[who.user_id], head)
        found = list[Stay]()
        for part in message_ranges.readable(member, head):
            first = 0 if part.start == 1 else await self._offset(key, part.start)
            last = END if member.present and part.stop > head else await self._offset(key, part.stop - 1)
            if first is not None and last is not None:
                found.append(Stay(key, first, last))
        return found

    async def _offset(self, conversation_id: str, seq: int) -> int | None:
        """Where message `seq` lies in its partition; None where it has not been read."""
        at = conversation_id, seq
        if at not in self._offsets:
            for row in await self._reader.part(conversation_id, range(seq, seq + 1)):
                self._offsets[at] = offset_of(row["sent"]["pos"])
            if len(self._offsets) > KEPT:
                self._offsets.popitem(last=False)
        return self._offsets.get(at)
