"""The list of one user's conversations: those they are in, the pinned ones first and then by last activity, and those
they were in; and its totals.
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
from projections.queries.activity import Activity, Delivered
from projections.queries.inboxes import Inboxes
from projections.queries.list_order import Cursor, Key
from projections.queries.own_writes import OwnWrites
from projections.queries.response_size import fitting
from schemas.commands.queries import ListConversations
from schemas.wire.answers import Conversations, Totals
from schemas.wire.views import ConversationView

AT_ONCE: Final = 500
"""Maximum of conversations of which it is looked at one time whether they were put away."""
Past = Callable[[Identity, Conversation], Awaitable[ConversationView]]
"""What somebody sees of a conversation that they are in no more."""


class ConversationList:
    """Answers `conversation:list`. Raises `Rejected`, `NotReady` and `Unavailable`."""

    def __init__(self, memberships: Memberships, inboxes: Inboxes, activity: Activity, past: Past) -> None:
        self._memberships = memberships
        self._inboxes = inboxes
        self._activity = activity
        self._past = past

    async def page(
        self, who: Identity, asked: ListConversations, channels: Mapping[str, Delivered], writes: OwnWrites
    ) -> Conversations:
        """A page of those that one is in now, or was in; all of these, or those that one has put away, or the others.

        `channels` and `writes` are those of the session that asks.
        """
        cursor = Cursor() if asked.after is None else list_order.unpacked(asked.after, present=asked.present)
        views = self._views(who, present=asked.present)
        if not asked.present:
            return await self._past_page(who, asked, cursor, views)
        said = writes.take_said()
        active = await self._activity.of(views, channels, said)
        pins = await self._inboxes.pins(who)
        keys = {_key(pins.get(key, 0), active[key][1] or view.created_at, key): view for key, view in views.items()}
        ordered = list_order.ordered(keys, cursor)
        found, known = await self._chosen(who, asked, ordered, views, active)
        chosen = [keys[key] for key in found]
        own = await self._inboxes.own(who, {view.conversation_id: view for view in chosen[: asked.limit]}, known)
        shown = {
            view.conversation_id: conversation_rows.view(
                view, own[key][0], own=own[key][1], me=who.user_id, active_at=active[key][1] or view.created_at
            )
            for view in chosen[: asked.limit]
            if (key := view.conversation_id) in own
        }
        totals = await self._totals(who, asked, views) if asked.totals else None
        page = _Page(asked.limit, cursor, ordered, [one.conversation_id for one in chosen], list(shown.values()))
        return page.answer(totals)

    async def _past_page(
        self, who: Identity, asked: ListConversations, cursor: Cursor, views: Mapping[str, Conversation]
    ) -> Conversations:
        """By id, since what happened there later is not theirs to know."""
        ordered = list_order.ordered((Key(0, "", key) for key in views), cursor)
        chosen = [key.id for key in ordered[: asked.limit + 1]]
        shown = {key: await self._past(who, views[key]) for key in chosen[: asked.limit]}
        totals = Totals(conversations=len(views)) if asked.totals else None
        return _Page(asked.limit, cursor, ordered, chosen, list(shown.values())).answer(totals)

    def _views(self, who: Identity, *, present: bool) -> dict[str, Conversation]:
        """The conversations that one is in, or was in and is no more."""
        return {
            key: view
            for key in self._memberships.of_user(who.tenant, who.user_id)
            if (view := self._memberships.get(key)) is not None and view.holds(who.user_id) == present
        }

    async def _chosen(
        self,
        who: Identity,
        asked: ListConversations,
        ordered: Sequence[Key],
        views: Mapping[str, Conversation],
        active: Mapping[str, tuple[int, str]],
    ) -> tuple[list[Key], dict[str, Inbox]]:
        """The first of these that are asked for, one more than the limit where there are so many; and how the user has
        those that were looked at.
        """
        most = asked.limit + 1
        if asked.archived is None:
            return list(ordered[:most]), {}
        found, known = list[Key](), dict[str, Inbox]()
        start = 0
        while start < len(ordered) and len(found) < most:
            part = ordered[start : start + min(AT_ONCE, most * 3 // 2 + start)]
            start += len(part)
            some = {key.id: views[key.id] for key in part}
            known |= await self._inboxes.states(who, some)
            away = await self._inboxes.archived(who, some, {key: active[key][0] for key in some}, known)
            found += [key for key in part if (key.id in away) == asked.archived]
        return found[:most], known

    async def _totals(self, who: Identity, asked: ListConversations, views: Mapping[str, Conversation]) -> Totals:
        """Of all those that are asked for, whatever page."""
        unread = await self._inboxes.unread(who, views, asked.archived)
        return Totals(
            conversations=len(unread),
            unread=sum(count for count, _ in unread),
            unread_conversations=sum(count > 0 for count, _ in unread),
            mentions=sum(named for _, named in unread),
        )


def _key(pin: int, at: str, conversation_id: str) -> Key:
    """What is said in one that is pinned moves it nowhere."""
    return Key(pin, "" if pin else at, conversation_id)


@dataclass(frozen=True, slots=True)
class _Page:
    """What is still to be told, in its order; of that the ids that were `chosen`, one more than `limit` where there are
    so many; and what is shown of these.
    """

    limit: int
    cursor: Cursor
    ordered: Sequence[Key]
    chosen: Sequence[str]
    views: Sequence[ConversationView]

    def answer(self, totals: Totals | None) -> Conversations:
        """As many as fit, and the cursor behind the last of them where there are more."""
        fits = fitting(self.views, 0)
        if len(self.chosen) <= self.limit and fits.stop == len(self.views):
            return Conversations(conversations=list(self.views), after=None, totals=totals)
        last = self.views[fits.stop - 1].conversation_id if self.views else self.chosen[self.limit - 1]
        end = next(at for at, key in enumerate(self.ordered, start=1) if key.id == last)
        after = list_order.packed(list_order.after(self.cursor, self.ordered[:end]))
        return Conversations(conversations=list(self.views[: fits.stop]), after=after, totals=totals)
