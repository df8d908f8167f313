"""MessageSearch finds messages for a user: the index returns candidates, and their rows decide, as they are now."""

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
from core.ports.search_index import TIMEOUT_S, Hit, Query, SearchIndex, SearchTimeout
from core.search_text import Wanted
from projections.generations import Generations
from projections.messages import message_rows, threads
from projections.messages.reader import MessageReader
from projections.queries.fair_turns import FairTurns
from projections.queries.inboxes import Inboxes
from projections.queries.read_consistency import with_fresh_view
from projections.queries.response_size import fitting_range
from projections.queries.search_cursor import cursor, place_of
from projections.queries.search_scope import SearchScope
from projections.queries.time_slices import TimeSlice
from projections.search import search_documents
from schemas.commands.queries import SearchMessages
from schemas.wire.answers import Found
from schemas.wire.views import MessageView

MAX_CONCURRENT_SEARCHES: Final = 4
"""Maximum number of searches that run concurrently on one node."""
TURN_TIMEOUT_S: Final = 5.0
"""Maximum time that a search waits for its turn."""
TIME_LIMIT_S: Final = 0.5
"""Time after which a search answers what it has found, with the place where it continues."""
PAGE: Final = 200
"""Maximum number of messages that are read together from the index, and then from the rows."""
LONG_CHARS: Final = 500
"""Maximum length of a text that is matched on the event loop; longer ones are matched in a thread."""

RequireEverMember = Callable[[Identity, str], Awaitable[Conversation]]


class MessageSearch:
    """Answers the searches of one node's users: one per user at a time, in fair turns. Raises `Rejected` (re-checked
    against the log's end), `SearchTimeout`, `NotReady` and `Unavailable`.

    A message that the index finds is answered only if its row matches the query: an edited or deleted text is never
    found by its earlier words, however outdated the index is. No state is kept between searches.
    """

    def __init__(
        self,
        *,
        require_ever_member: RequireEverMember,
        memberships: Memberships,
        scope: SearchScope,
        reader: MessageReader,
        inboxes: Inboxes,
        generations: Generations,
        index: SearchIndex,
    ) -> None:
        self._require_ever_member = require_ever_member
        self._memberships = memberships
        self._scope = scope
        self._reader = reader
        self._inboxes = inboxes
        self._generations = generations
        self._index = index
        self._turns = FairTurns(MAX_CONCURRENT_SEARCHES)

    async def search(self, who: Identity, request: SearchMessages) -> Found:
        """Return messages as they are now, newest first, and the cursor where the search continues."""
        wanted, before = _wanted(request), place_of(who, request)
        if request.conversation_id is not None:
            await self._require_ever_member(who, request.conversation_id)
        if wanted.empty:
            return Found(messages=[], after=None)
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(TURN_TIMEOUT_S):
                    await turn.enter_async_context(self._turns.turn(who.key))
            except TimeoutError:
                raise SearchTimeout(f"it was not the turn of this search within {TURN_TIMEOUT_S:g} s") from None
            return await self._search(who, request, wanted, before)

    async def _search(self, who: Identity, request: SearchMessages, wanted: Wanted, before: Hit | None) -> Found:
        if request.conversation_id is not None:
            within = [request.conversation_id]
        else:
            within = sorted(self._memberships.of_user(who.tenant, who.user_id))
        ranges = await self._scope.readable_ranges(who, within)
        query = Query(who.tenant, wanted.tokens, ranges, wanted.beginning, request.sender)
        found, rest = await self._page(who, wanted, query, before, request.limit)
        fits = fitting_range([view for _, view in found], 0)
        if fits.stop < len(found):
            rest = found[fits.stop - 1][0]
        shown = [view for _, view in found[: fits.stop]]
        return Found(messages=shown, after=None if rest is None else cursor(who, request, rest))

    async def _page(
        self, who: Identity, wanted: Wanted, query: Query, before: Hit | None, limit: int
    ) -> tuple[list[tuple[Hit, MessageView]], Hit | None]:
        """Return up to `limit` messages, fewer when the time limit is over; and where the search continues."""
        found, place, size = list[tuple[Hit, MessageView]](), before, min(PAGE, 2 * limit)
        ends = asyncio.get_running_loop().time() + TIME_LIMIT_S
        while True:
            try:
                hits = await self._index.search(
                    self._generations.live(search_documents.MODEL), query, before=place, limit=size, within_s=TIMEOUT_S
                )
            except SearchTimeout:
                if place == before:
                    raise
                return found, place
            views, checked = await self._views(who, wanted, hits.found, ends)
            found += views
            if len(found) > limit:
                return found[:limit], found[limit - 1][0]
            rest = hits.rest if checked == len(hits.found) else hits.found[checked - 1]
            if len(found) == limit or rest is None or asyncio.get_running_loop().time() > ends:
                return found, rest
            place, size = rest, PAGE

    async def _views(
        self, who: Identity, wanted: Wanted, hits: Sequence[Hit], ends: float
    ) -> tuple[list[tuple[Hit, MessageView]], int]:
        """Return those of these messages that the user may read and that match now; and how many were checked until
        loop time `ends`, at least one.
        """
        ids = [hit.message_id for hit in hits]
        rows, hidden = await self._reader.rows(ids), await self._inboxes.hidden(who, ids)
        found, loop, turn = list[tuple[Hit, MessageView]](), asyncio.get_running_loop(), TimeSlice()
        for checked, hit in enumerate(hits):
            if checked and loop.time() > ends:
                return found, checked
            await turn.pause()
            row = rows.get(hit.message_id)
            view = None if row is None or hit.message_id in hidden else message_rows.view(row)
            if row is None or view is None or view.text is None or (reader := await self._reader_of(who, row)) is None:
                continue
            if await _matches(wanted, view.text):
                found.append((hit, threads.counted(view, row, reader)))
        return found, len(hits)

    async def _reader_of(self, who: Identity, row: Row) -> Member | None:
        """Return the user as a member of this message's conversation, if they may read it."""
        view = await self._memberships.find(row["conversation_id"])
        if view is None or view.tenant != who.tenant or who.user_id not in view.members or "sent" not in row:
            return None
        n = row["sent"].get("conversation_n", 0)
        member = (await with_fresh_view(self._memberships, view, n)).members[who.user_id]
        return member if member.reads(row["sent"]["n"], n) else None


async def _matches(wanted: Wanted, text: str) -> bool:
    return wanted.is_in(text) if len(text) <= LONG_CHARS else await asyncio.to_thread(wanted.is_in, text)


def _wanted(request: SearchMessages) -> Wanted:
    """Return what is searched for. Raises `Rejected` if that is too many words."""
    found = search_text.wanted(request.text, prefix=request.prefix)
    if (count := len(found.tokens) + (found.beginning is not None)) > search_text.MAX_TOKENS:
        bound = f"{search_text.MAX_TOKENS} words, or twice as many characters of a script without spaces"
        raise field_error("text", "bounds", f"these are {count} terms: a search looks for {bound}")
    return found
