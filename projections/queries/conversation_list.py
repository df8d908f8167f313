"""ConversationList answers the list of one user's conversations, with totals: those they are in, pinned ones first and
then by last activity, or those they have left.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from core.domain.conversation import Conversation
from core.domain.inbox import Inbox
from core.identity import Identity
from core.ports.memberships import Memberships
from projections.conversations import conversation_rows
from projections.queries import list_order
from projections.queries.activity import Activity, DeliveredNumbers
from projections.queries.inboxes import Inboxes
from projections.queries.list_order import Cursor, Key
from projections.queries.own_writes import OwnWrites
from projections.queries.response_size import fitting_range
from schemas.commands.queries import ListConversations
from schemas.wire.answers import Conversations, Totals
from schemas.wire.views import ConversationView

BATCH_SIZE: Final = 500
"""Maximum number of conversations whose archived state is read together."""
PastView = Callable[[Identity, Conversation], Awaitable[ConversationView]]
"""Return what a user sees of a conversation that they have left."""


class ConversationList:
    """Answers `conversation:list`. Raises `Rejected`, `NotReady` and `Unavailable`."""

    def __init__(self, memberships: Memberships, inboxes: Inboxes, activity: Activity, past_view: PastView) -> None:
        self._memberships = memberships
        self._inboxes = inboxes
        self._activity = activity
        self._past_view = past_view

    async def page(
        self, who: Identity, query: ListConversations, channels: Mapping[str, DeliveredNumbers], writes: OwnWrites
    ) -> Conversations:
        """Return a page of the conversations that the user is in, or has left; of all, of the archived ones, or of the
        others.

        `channels` and `writes` are those of the session of the query.
        """
        cursor = Cursor() if query.after is None else list_order.unpacked(query.after, present=query.present)
        views = await self._views(who, present=query.present)
        if not query.present:
            return await self._past_page(who, query, cursor, views)
        recently_sent = writes.take_recently_sent()
        active = await self._activity.of(views, channels, recently_sent)
        pins = await self._inboxes.pins(who)
        keys = {_key(pins.get(key, 0), active[key][1] or view.created_at, key): view for key, view in views.items()}
        ordered = list_order.ordered(keys, cursor)
        found, known = await self._chosen(who, query, ordered, views, active)
        chosen = [keys[key] for key in found]
        own = await self._inboxes.overviews(who, {view.conversation_id: view for view in chosen[: query.limit]}, known)
        shown = {
            view.conversation_id: conversation_rows.view(
                view, own[key][0], own=own[key][1], me=who.user_id, active_at=active[key][1] or view.created_at
            )
            for view in chosen[: query.limit]
            if (key := view.conversation_id) in own
        }
        totals = await self._totals(who, query, views) if query.totals else None
        page = _Page(query.limit, cursor, ordered, [view.conversation_id for view in chosen], list(shown.values()))
        return page.answer(totals)

    async def _past_page(
        self, who: Identity, query: ListConversations, cursor: Cursor, views: Mapping[str, Conversation]
    ) -> Conversations:
        """Return a page of conversations that the user has left, by id: later activity is not shown to them."""
        ordered = list_order.ordered((Key(0, "", key) for key in views), cursor)
        chosen = [key.id for key in ordered[: query.limit + 1]]
        shown = {key: await self._past_view(who, views[key]) for key in chosen[: query.limit]}
        totals = Totals(conversations=len(views)) if query.totals else None
        return _Page(query.limit, cursor, ordered, chosen, list(shown.values())).answer(totals)

    async def _views(self, who: Identity, *, present: bool) -> dict[str, Conversation]:
        """Return the conversations that the user is in, or those that they have left."""
        keys = self._memberships.present_of_user(who.tenant, who.user_id)
        if not present:
            keys = self._memberships.of_user(who.tenant, who.user_id) - keys
        found = await self._memberships.find_all(keys)
        return {
            key: view
            for key, view in found.items()
            if who.user_id in view.members and view.is_member(who.user_id) == present
        }

    async def _chosen(
        self,
        who: Identity,
        query: ListConversations,
        ordered: Sequence[Key],
        views: Mapping[str, Conversation],
        active: Mapping[str, tuple[int, str]],
    ) -> tuple[list[Key], dict[str, Inbox]]:
        """Return the first keys that the query selects, up to one more than its limit, and the inboxes read."""
        most = query.limit + 1
        if query.archived is None:
            return list(ordered[:most]), {}
        found, known = list[Key](), dict[str, Inbox]()
        start = 0
        while start < len(ordered) and len(found) < most:
            part = ordered[start : start + min(BATCH_SIZE, most * 3 // 2 + start)]
            start += len(part)
            some = {key.id: views[key.id] for key in part}
            known |= await self._inboxes.states(who, some)
            archived = await self._inboxes.archived(who, some, {key: active[key][0] for key in some}, known)
            found += [key for key in part if (key.id in archived) == query.archived]
        return found[:most], known

    async def _totals(self, who: Identity, query: ListConversations, views: Mapping[str, Conversation]) -> Totals:
        """Return the totals of all conversations that the query selects, on any page."""
        unread = await self._inboxes.unread(who, views, query.archived)
        return Totals(
            conversations=len(unread),
            unread=sum(count for count, _ in unread),
            unread_conversations=sum(count > 0 for count, _ in unread),
            mentions=sum(mentions for _, mentions in unread),
        )


def _key(pin: int, at: str, conversation_id: str) -> Key:
    """Return the key of a conversation; a pinned one has no time, so activity does not move it."""
    return Key(pin, "" if pin else at, conversation_id)


@dataclass(frozen=True, slots=True)
class _Page:
    """The keys still to be listed, in order; the ids `chosen` of them, up to one more than `limit`; and their views."""

    limit: int
    cursor: Cursor
    ordered: Sequence[Key]
    chosen: Sequence[str]
    views: Sequence[ConversationView]

    def answer(self, totals: Totals | None) -> Conversations:
        """Return the views that fit, and the cursor behind the last of them if there are more."""
        fits = fitting_range(self.views, 0)
        if len(self.chosen) <= self.limit and fits.stop == len(self.views):
            return Conversations(conversations=list(self.views), after=None, totals=totals)
        last = self.views[fits.stop - 1].conversation_id if self.views else self.chosen[self.limit - 1]
        end = next(at for at, key in enumerate(self.ordered, start=1) if key.id == last)
        after = list_order.packed(list_order.after(self.cursor, self.ordered[:end]))
        return Conversations(conversations=list(self.views[: fits.stop]), after=after, totals=totals)
