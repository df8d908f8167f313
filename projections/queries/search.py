"""Finds messages for a user: the index says where to look, and the rows say what is there, as it is now."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final

from core import search_text
from core.domain.conversation import Conversation
from core.domain.decision import field_error
from core.domain.member import Member
from core.identity import Identity
from core.ports.documents import Row
from core.ports.memberships import Memberships
from core.ports.search_index import WITHIN_S, Hit, Query, SearchIndex, SearchTimeout
from core.search_text import Wanted
from projections.generations import Generations
from projections.messages import message_rows, threads
from projections.messages.reader import MessageReader
from projections.queries.fair_turns import FairTurns
from projections.queries.inboxes import Inboxes
from projections.queries.read_consistency import with_fresh_view
from projections.queries.response_size import fitting
from projections.queries.search_cursor import cursor, place_of
from projections.queries.search_scope import SearchScope
from projections.queries.time_slices import TimeSlice
from projections.search import search_documents
from schemas.commands.queries import SearchMessages
from schemas.wire.answers import Found
from schemas.wire.views import MessageView

AT_ONCE: Final = 4
"""So many searches of one node are under way at one time."""
TURN_S: Final = 5.0
"""So long a search waits for its turn."""
LOOK_S: Final = 0.5
"""After this long a search answers what it has found, and where it goes on."""
PAGE: Final = 200
"""So many messages are asked of the index, and then of the rows, at most."""
LONG_CHARS: Final = 500
"""A text of more than that is looked through beside the event loop."""

Entered = Callable[[Identity, str], Awaitable[Conversation]]


class MessageSearch:
    """Answers the searches of one node's users: one of each at a time, in fair turns. Raises `Rejected` (proved),
    `SearchTimeout`, `NotReady` and `Unavailable`.

    Whatever the index finds is answered only where its row has all of what is wanted: an edited or deleted text is
    never found by what it said before, however old the index is. Nothing is remembered from one search to the next.
    """

    def __init__(
        self,
        *,
        entered: Entered,
        memberships: Memberships,
        scope: SearchScope,
        reader: MessageReader,
        inboxes: Inboxes,
        generations: Generations,
        index: SearchIndex,
    ) -> None:
        self._entered = entered
        self._memberships = memberships
        self._scope = scope
        self._reader = reader
        self._inboxes = inboxes
        self._generations = generations
        self._index = index
        self._turns = FairTurns(AT_ONCE)

    async def search(self, who: Identity, asked: SearchMessages) -> Found:
        """Messages, newest first, as they now are, and where it goes on."""
        wanted, before = _wanted(asked), place_of(who, asked)
        if asked.conversation_id is not None:
            await self._entered(who, asked.conversation_id)
        if wanted.empty:
            return Found(messages=[], after=None)
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(TURN_S):
                    await turn.enter_async_context(self._turns.turn(who.key))
            except TimeoutError:
                raise SearchTimeout(f"it was not the turn of this search within {TURN_S:g} s") from None
            return await self._search(who, asked, wanted, before)

    async def _search(self, who: Identity, asked: SearchMessages, wanted: Wanted, before: Hit | None) -> Found:
        if asked.conversation_id is not None:
            within = [asked.conversation_id]
        else:
            within = sorted(self._memberships.of_user(who.tenant, who.user_id))
        stays = await self._scope.stays(who, within)
        query = Query(who.tenant, wanted.tokens, stays, wanted.beginning, asked.sender)
        found, rest = await self._found(who, wanted, query, before, asked.limit)
        fits = fitting([view for _, view in found], 0)
        if fits.stop < len(found):
            rest = found[fits.stop - 1][0]
        shown = [view for _, view in found[: fits.stop]]
        return Found(messages=shown, after=None if rest is None else cursor(who, asked, rest))

    async def _found(
        self, who: Identity, wanted: Wanted, query: Query, before: Hit | None, limit: int
    ) -> tuple[list[tuple[Hit, MessageView]], Hit | None]:
        """As many as are wanted, fewer where that takes too long; and where it goes on."""
        found, place, size = list[tuple[Hit, MessageView]](), before, min(PAGE, 2 * limit)
        ends = asyncio.get_running_loop().time() + LOOK_S
        while True:
            try:
                hits = await self._index.search(
                    self._generations.live(search_documents.MODEL), query, before=place, limit=size, within_s=WITHIN_S
                )
            except SearchTimeout:
                if place == before:
                    raise
                return found, place
            views, looked = await self._views(who, wanted, hits.found, ends)
            found += views
            if len(found) > limit:
                return found[:limit], found[limit - 1][0]
            rest = hits.rest if looked == len(hits.found) else hits.found[looked - 1]
            if len(found) == limit or rest is None or asyncio.get_running_loop().time() > ends:
                return found, rest
            place, size = rest, PAGE

    async def _views(
        self, who: Identity, wanted: Wanted, hits: Sequence[Hit], ends: float
    ) -> tuple[list[tuple[Hit, MessageView]], int]:
        """Those of these messages that are the user's to see and have what is wanted now; and how many were looked at
        until this time, one at least.
        """
        ids = [hit.message_id for hit in hits]
        rows, hidden = await self._reader.rows(ids), await self._inboxes.hidden(who, ids)
        found, loop, turn = list[tuple[Hit, MessageView]](), asyncio.get_running_loop(), TimeSlice()
        for looked, hit in enumerate(hits):
            if looked and loop.time() > ends:
                return found, looked
            await turn.pause()
            row = rows.get(hit.message_id)
            view = None if row is None or hit.message_id in hidden else message_rows.view(row)
            if row is None or view is None or view.text is None or (reader := await self._reader_of(who, row)) is None:
                continue
            if await _is_in(wanted, view.text):
                found.append((hit, threads.counted(view, row, reader)))
        return found, len(hits)

    async def _reader_of(self, who: Identity, row: Row) -> Member | None:
        """The user as a member of this message's conversation, if it is theirs to read."""
        view = self._memberships.get(row["conversation_id"])
        if view is None or view.tenant != who.tenant or who.user_id not in view.members or "sent" not in row:
            return None
        n = row["sent"].get("conversation_n", 0)
        member = (await with_fresh_view(self._memberships, view, n)).members[who.user_id]
        return member if member.reads(row["sent"]["n"], n) else None


async def _is_in(wanted: Wanted, text: str) -> bool:
    return wanted.is_in(text) if len(text) <= LONG_CHARS else await asyncio.to_thread(wanted.is_in, text)


def _wanted(asked: SearchMessages) -> Wanted:
    """What is looked for. Raises `Rejected` where that is too much."""
    found = search_text.wanted(asked.text, prefix=asked.prefix)
    if (count := len(found.tokens) + (found.beginning is not None)) > search_text.TOKENS:
        most = f"{search_text.TOKENS} words, or twice as many characters of a script without spaces"
        raise field_error("text", "bounds", f"these are {count} terms: a search looks for {most}")
    return found
