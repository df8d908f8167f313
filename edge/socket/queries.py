"""What a client may read: its own conversations, or one of them; never more than its stays."""

from typing import Final

from core.domain.conversation import Conversation, visited
from core.ports.memberships import Memberships
from edge.auth.tokens import Identity
from edge.socket.ends import as_read
from edge.socket.fitting import fitting
from edge.socket.inboxes import Inboxes
from edge.socket.lanes import Lanes
from edge.socket.leaving import left_at
from edge.socket.seeing import proved
from projections import conversations
from projections.reader import MessageReader
from schemas.answers import Conversations
from schemas.queries import GetConversation, ListConversations
from schemas.views import ConversationView

AT_ONCE: Final = 500
"""Of so many conversations at one time it is looked whether they were put away."""


class Queries:
    """Answers reads of one node's users. Raises `Rejected` (proved), `NotReady` and `Unavailable`."""

    def __init__(
        self,
        *,
        memberships: Memberships,
        lanes: Lanes,
        reader: MessageReader,
        inboxes: Inboxes,
    ) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._reader = reader
        self._inboxes = inboxes

    async def get(self, who: Identity, asked: GetConversation) -> ConversationView:
        """One conversation with a page of its participants, for whoever was ever in it; who left is told what they
        knew of it and no more.
        """
        view = await self.entered(who, asked.conversation_id)
        key = view.conversation_id
        if view.holds(who.user_id) and (own := (await self._inboxes.own(who, {key: view})).get(key)):
            deleted = await self._reader.deleted(view.pins) if view.pins else ()
            people = conversations.people_of(view, asked.after, asked.limit)
            people = people[: fitting(people, 0).stop]
            more = asked.after + len(people) < len(view.members)
            return conversations.view(view, own[0], people=people, more=more, own=own[1], deleted=deleted)
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
            conversations.view(view, own[view.conversation_id][0], own=own[view.conversation_id][1])
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

    async def entered(self, who: Identity, conversation_id: str) -> Conversation:
        """The conversation, if this user was ever in it. A no is proved."""
        tenant, user = who.tenant, who.user_id
        return await proved(
            self._memberships, conversation_id, lambda state: visited(state, conversation_id, tenant, user)
        )
