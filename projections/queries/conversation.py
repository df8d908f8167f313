"""ConversationQueries answers what a client may read of one conversation: never more than its membership intervals."""

from core.domain.conversation import Conversation, require_ever_member
from core.identity import Identity
from core.ports.memberships import Memberships
from projections.conversations import conversation_rows
from projections.messages.reader import MessageReader
from projections.queries.inboxes import Inboxes
from projections.queries.lanes import Lanes
from projections.queries.last_change import left_at
from projections.queries.membership_ends import as_read
from projections.queries.read_consistency import with_recheck
from projections.queries.response_size import fitting_range
from projections.receipts.cursors import CursorReader
from schemas.commands.queries import GetConversation
from schemas.wire.frames import CONVERSATION
from schemas.wire.views import ConversationView


class ConversationQueries:
    """Answers reads of one node's users. Raises `Rejected` (re-checked against the log's end), `NotReady` and
    `Unavailable`.
    """

    def __init__(
        self,
        *,
        memberships: Memberships,
        lanes: Lanes,
        reader: MessageReader,
        inboxes: Inboxes,
        cursors: CursorReader,
    ) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._reader = reader
        self._inboxes = inboxes
        self._cursors = cursors

    async def get(self, who: Identity, query: GetConversation) -> ConversationView:
        """Return one conversation with a page of its participants, for a user who was ever in it; a user who left gets
        what they knew of it and no more.
        """
        view = await self.require_ever_member(who, query.conversation_id)
        key = view.conversation_id
        if view.is_member(who.user_id) and (own := (await self._inboxes.overviews(who, {key: view})).get(key)):
            deleted = await self._reader.deleted(view.pins) if view.pins else ()
            page = conversation_rows.page_of(view, query.after, query.limit)
            people = conversation_rows.people_of(view, await self._cursors.of(key, page))
            people = people[: fitting_range(people, 0).stop]
            more = query.after + len(people) < len(view.members)
            return conversation_rows.view(
                view, own[0], people=people, more=more, own=own[1], me=who.user_id, deleted=deleted
            )
        return await self.past_view(who, await self.require_ever_member(who, query.conversation_id))

    async def past_view(self, who: Identity, view: Conversation) -> ConversationView:
        """Return what a user sees of a conversation that they have left."""
        key = view.conversation_id
        heads = (await self._lanes.heads([key]))[key]
        left = await left_at(self._lanes, key, who.user_id, heads[CONVERSATION])
        member = await as_read(self._lanes, key, view.members[who.user_id], heads["sent"])
        seq = min(heads["sent"], member.intervals[-1].until_seq or heads["sent"])
        return conversation_rows.past_view(view, left, seq, who.user_id)

    async def require_ever_member(self, who: Identity, conversation_id: str) -> Conversation:
        """Return the conversation if this user was ever in it. A rejection is re-checked against the log's end."""
        tenant, user = who.tenant, who.user_id
        return await with_recheck(
            self._memberships, conversation_id, lambda state: require_ever_member(state, conversation_id, tenant, user)
        )
