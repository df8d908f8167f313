"""What a client may read: its own conversations, one of them, and messages that it finds; never more than its stays."""

import hashlib
import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from core.domain.conversation import Conversation, visited
from core.health import Health
from core.outages import Outage
from core.ports.documents import Row
from core.ports.event_log import Unavailable
from core.ports.hints import Cache
from core.ports.memberships import Memberships
from core.ports.search_index import SearchIndex
from edge.auth.tokens import Identity
from edge.socket.ends import as_read
from edge.socket.fitting import fitting
from edge.socket.inboxes import Inboxes
from edge.socket.lanes import Lanes
from edge.socket.leaving import left_at
from edge.socket.seeing import as_new_as, proved
from projections import conversations, messages, search_docs
from projections.generations import Generations
from projections.reader import MessageReader
from schemas.answers import Conversations, Found
from schemas.queries import GetConversation, ListConversations, SearchMessages
from schemas.views import ConversationView

logger: Final = logging.getLogger("caas.queries")
FOUND_S: Final = 60.0
FOUND_MOST: Final = 200
"""So many ids are asked of the index and cached: some of them may not be the reader's."""
AT_ONCE: Final = 500
"""Of so many conversations at one time it is looked whether they were put away."""

_ids: Final = msgspec.json.Decoder(list[str])


class Queries:
    """Answers reads of one node's users. Raises `Rejected` (proved), `NotReady` and `Unavailable`."""

    def __init__(
        self,
        *,
        memberships: Memberships,
        lanes: Lanes,
        reader: MessageReader,
        inboxes: Inboxes,
        generations: Generations,
        index: SearchIndex,
        cache: Cache,
        health: Health,
    ) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._reader = reader
        self._inboxes = inboxes
        self._generations = generations
        self._index = index
        self._cache = cache
        self._cache_outage = Outage("cached answers", "Redis of cached answers")
        self._health = health

    async def get(self, who: Identity, asked: GetConversation) -> ConversationView:
        """One conversation, for whoever was ever in it; who left is told what they knew of it and no more."""
        view = await self.entered(who, asked.conversation_id)
        key = view.conversation_id
        if view.holds(who.user_id) and (own := (await self._inboxes.own(who, {key: view})).get(key)):
            deleted = await self._reader.deleted(view.pins) if view.pins else ()
            return conversations.view(view, own[0], whole=True, own=own[1], deleted=deleted)
        view = await self.entered(who, asked.conversation_id)
        heads = (await self._lanes.heads([key]))[key]
        left = await left_at(self._lanes, key, who.user_id, heads["conversation"])
        member = await as_read(self._lanes, key, view.members[who.user_id], heads["sent"])
        seq = min(heads["sent"], member.intervals[-1].until_seq or heads["sent"])
        return conversations.past_view(view, left, seq, who.user_id)

    async def page(self, who: Identity, asked: ListConversations) -> Conversations:
        """Those one is in now, by id: all, or those that one has put away, or the others."""
        views = await self._mine(who, asked)
        page = views[: asked.limit]
        own = await self._inboxes.own(who, {view.conversation_id: view for view in page})
        shown = [
            conversations.view(view, own[view.conversation_id][0], whole=False, own=own[view.conversation_id][1])
            for view in page
            if view.conversation_id in own
        ]
        fits = fitting(shown, 0)
        more = len(views) > len(page)
        if fits.stop < len(shown):
            return Conversations(conversations=shown[: fits.stop], after=shown[fits.stop - 1].conversation_id)
        return Conversations(conversations=shown, after=page[-1].conversation_id if more else None)

    async def _mine(self, who: Identity, asked: ListConversations) -> list[Conversation]:
        """One more than was asked for, where there are so many."""
        ids = sorted(key for key in self._memberships.of_user(who.tenant, who.user_id) if key > (asked.after or ""))
        views = [view for key in ids if (view := self._memberships.get(key)) and view.holds(who.user_id)]
        if asked.archived is None:
            return views[: asked.limit + 1]
        found: list[Conversation] = []
        for start in range(0, len(views), AT_ONCE):
            part = views[start : start + AT_ONCE]
            states = await self._inboxes.states(who, [view.conversation_id for view in part])
            found += [view for view in part if states[view.conversation_id].archived == asked.archived]
            if len(found) > asked.limit:
                break
        return found[: asked.limit + 1]

    async def search(self, who: Identity, asked: SearchMessages) -> Found:
        """Messages, best first, as they now are."""
        if asked.conversation_id is not None:
            await self.entered(who, asked.conversation_id)
            within = [asked.conversation_id]
        else:
            within = sorted(self._memberships.of_user(who.tenant, who.user_id))
        found = await self._found(who, asked.text, within) if within else []
        rows = await self._reader.rows(found)
        hidden = await self._inboxes.hidden(who, found)
        mine = [rows[key] for key in found if key in rows and key not in hidden and await self._reads(who, rows[key])]
        views = [view for row in mine if (view := messages.view(row)) is not None and view.text is not None]
        return Found(messages=views[: asked.limit])

    async def entered(self, who: Identity, conversation_id: str) -> Conversation:
        """The conversation, if this user was ever in it. A no is proved."""
        tenant, user = who.tenant, who.user_id
        return await proved(
            self._memberships, conversation_id, lambda state: visited(state, conversation_id, tenant, user)
        )

    async def _reads(self, who: Identity, row: Row) -> bool:
        view = self._memberships.get(row["conversation_id"])
        if view is None or view.tenant != who.tenant or who.user_id not in view.members or "sent" not in row:
            return False
        n = row["sent"].get("conversation_n", 0)
        view = await as_new_as(self._memberships, view, n)
        return view.members[who.user_id].reads(row["sent"]["n"], n)

    async def _found(self, who: Identity, text: str, within: Sequence[str]) -> list[str]:
        """Ids from the index, remembered for a minute unless there are none; what is shown of them is read anew."""
        generation = self._generations.live(search_docs.MODEL)
        asked = msgspec.json.encode([generation, who.tenant, who.user_id, text, within])
        key = f"search:{hashlib.sha256(asked).hexdigest()}"
        if (kept := await self._kept(key)) is not None:
            return kept
        found = await self._index.search(generation, who.tenant, text, within, FOUND_MOST)
        if not found:
            return found
        try:
            await self._cache.put(key, msgspec.json.encode(found), FOUND_S)
        except Unavailable as error:
            self._cache_outage.begins(error)
            self._health.count("cache_down")
        return found

    async def _kept(self, key: str) -> list[str] | None:
        try:
            kept = await self._cache.get(key)
            self._cache_outage.ends()
        except Unavailable as error:
            self._cache_outage.begins(error)
            self._health.count("cache_down")
            return None
        return None if kept is None else _ids.decode(kept)
