"""Inboxes reads the private state of a user that answers need (archived, pinned, hidden, unread), in few reads for any
number of conversations.

Heads are read before everything that depends on them. No content of a message that the user has hidden is returned.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

from core.clock import Clock
from core.domain.conversation import Conversation
from core.domain.inbox import Inbox
from core.identity import Identity
from core.ports.documents import Documents, Row, Table, TableGeneration
from core.ports.memberships import Memberships
from projections.conversations.conversation_rows import MemberOverview
from projections.facts import facet_of
from projections.generations import Generations
from projections.inbox import actions, inbox_rows, unread
from projections.inbox.pinned import pins_of
from projections.inbox.unread import UnreadState
from projections.messages import message_rows, threads, unread_markers
from projections.queries import message_ranges, pagination
from projections.queries.message_ranges import Ranges
from projections.queries.read_consistency import with_fresh_view

BATCH_SIZE: Final = 1_000
"""Maximum number of rows that are read together."""
LAST_PAGE: Final = 50
"""Maximum number of messages that are read together to find the last one that is not hidden."""

NOTHING_KNOWN: Final[Mapping[str, Inbox]] = MappingProxyType({})


class Inboxes:
    """Reads the live generations. Raises `Unavailable`."""

    def __init__(self, documents: Documents, generations: Generations, memberships: Memberships, clock: Clock) -> None:
        self._documents = documents
        self._generations = generations
        self._memberships = memberships
        self._clock = clock

    async def states(self, who: Identity, conversation_ids: Iterable[str]) -> dict[str, Inbox]:
        """Return the user's inbox state of each of these conversations."""
        ids = {key: inbox_rows.row_id(who.tenant, who.user_id, key) for key in conversation_ids}
        rows = await self._get(inbox_rows.ROWS, ids.values())
        return {key: inbox_rows.state_of(facet_of(rows.get(row_id), inbox_rows.FACET)) for key, row_id in ids.items()}

    async def archived(
        self, who: Identity, views: Mapping[str, Conversation], heads: Mapping[str, int], states: Mapping[str, Inbox]
    ) -> frozenset[str]:
        """Return which of these conversations are archived, by their inbox states and the numbers of their last
        messages.
        """
        archived = {key: view for key, view in views.items() if states[key].archived}
        doubtful = [key for key in archived if not _stays_archived(states[key], heads[key])]
        marked = (
            await self._get(unread_markers.ROWS, (unread_markers.row_id(key, who.user_id) for key in doubtful))
            if doubtful
            else {}
        )
        unread_states = self._as_now(who, archived, states, marked, heads)
        return frozenset(key for key, state in unread_states.items() if state.inbox.archived)

    async def pins(self, who: Identity) -> dict[str, int]:
        """Return the conversations that the user has pinned, with the numbers of the pins."""
        return await pins_of(self._documents, self._generations, who.tenant, who.user_id)

    async def thread(self, who: Identity, view: Conversation, root: str) -> tuple[int, int]:
        """Return the number up to which a thread is read, and the first number of which an answer may be unread."""
        key = view.conversation_id
        row_id = inbox_rows.row_id(who.tenant, who.user_id, key, root)
        rows = await self._get(inbox_rows.ROWS, [row_id])
        cursor = inbox_rows.state_of(facet_of(rows.get(row_id), inbox_rows.FACET)).read
        state = (await self._unread_states(who, {key: view}, {}))[key]
        return max(state.inbox.read, cursor), max(state.floor, cursor) + 1

    async def hidden(self, who: Identity, message_ids: Iterable[str]) -> frozenset[str]:
        """Return which of these messages the user has hidden."""
        ids = {inbox_rows.hidden_id(who.tenant, who.user_id, key): key for key in message_ids}
        rows = await self._get(inbox_rows.ACTS, ids)
        return frozenset(key for act_id, key in ids.items() if act_id in rows and actions.hides(rows[act_id]) == key)

    async def shown(self, who: Identity, rows: Sequence[Row]) -> list[Row]:
        """Return those of these messages that the user has not hidden."""
        hidden = await self.hidden(who, [row["_id"] for row in rows])
        return [row for row in rows if row["_id"] not in hidden]

    async def shown_numbers(self, who: Identity, conversation_id: str, ranges: Ranges) -> list[int]:
        """Return the numbers in these ranges of messages that are not hidden; all hidden messages must be numbered."""
        found = list[int]()
        owner = inbox_rows.key_of(who.tenant, who.user_id)
        for part in ranges:
            rows = await self._documents.find(
                self._place(inbox_rows.ACTS),
                inbox_rows.HIDDEN.name,
                [owner, conversation_id],
                low=part.start,
                high=part.stop,
                limit=len(part),
            )
            hidden = {row[actions.FACET]["seq"] for row in rows}
            found += [n for n in part if n not in hidden]
        return found

    async def overviews(
        self, who: Identity, views: Mapping[str, Conversation], known: Mapping[str, Inbox] = NOTHING_KNOWN
    ) -> dict[str, tuple[int, MemberOverview]]:
        """Return the number of the last message and the member's overview of each of these conversations that the user
        is in, and still is by a view new enough to show its last message. `known` has the inbox states that were just
        read. Raises `NotReady`.
        """
        heads = await self._get(message_rows.HEADS, views)
        states = await self._unread_states(who, views, heads, known)
        last = {key: heads[key]["sent"].get("id", "") for key, state in states.items() if state.head}
        named = {message_id for state in states.values() for message_id in state.named}
        shown = await self._shown(who, named.union(filter(None, last.values())))
        found: dict[str, tuple[int, MemberOverview]] = {}
        for key, state in states.items():
            message = await self._last(who, key, state, shown.get(last.get(key, "")))
            view = await self._fresh_view(views[key], message)
            if view.is_member(who.user_id):
                mentions = [shown[message_id] for message_id in state.named if message_id in shown]
                found[key] = state.head, _overview(who, view, state, mentions, message)
        return found

    async def unread(
        self, who: Identity, views: Mapping[str, Conversation], archived: bool | None
    ) -> list[tuple[int, int]]:
        """Return the numbers of unread messages and of unread mentions of the user in each of these conversations, or
        in those that are archived, or are not.
        """
        found: list[tuple[int, int]] = []
        for some in _parts(views):
            heads = await self._get(message_rows.HEADS, some)
            states = await self._unread_states(who, some, heads)
            chosen = [state for state in states.values() if archived is None or state.inbox.archived == archived]
            shown = await self._shown(who, {message_id for state in chosen for message_id in state.named})
            for state in chosen:
                named = [shown[message_id] for message_id in state.named if message_id in shown]
                found.append((state.unread, unread.mentions(state, who.user_id, named)))
        return found

    async def _shown(self, who: Identity, message_ids: Collection[str]) -> dict[str, Row]:
        """Return those of these messages that the user has not hidden; both are read concurrently."""
        rows, hidden = await asyncio.gather(self._get(message_rows.ROWS, message_ids), self.hidden(who, message_ids))
        return {key: row for key, row in rows.items() if key not in hidden}

    async def _unread_states(
        self,
        who: Identity,
        views: Mapping[str, Conversation],
        heads: Mapping[str, Row],
        known: Mapping[str, Inbox] = NOTHING_KNOWN,
    ) -> dict[str, UnreadState]:
        states, marked = await asyncio.gather(
            self.states(who, [key for key in views if key not in known]),
            self._get(unread_markers.ROWS, (unread_markers.row_id(key, who.user_id) for key in views)),
        )
        return self._as_now(
            who, views, {**known, **states}, marked, {key: row["sent"]["n"] for key, row in heads.items()}
        )

    def _as_now(
        self,
        who: Identity,
        views: Mapping[str, Conversation],
        states: Mapping[str, Inbox],
        marked: Mapping[str, Row],
        heads: Mapping[str, int],
    ) -> dict[str, UnreadState]:
        now = self._clock.now()
        return {
            key: UnreadState(
                view.members[who.user_id],
                states[key],
                marked.get(unread_markers.row_id(key, who.user_id)),
                heads.get(key, 0),
            ).at(now)
            for key, view in views.items()
        }

    async def _last(self, who: Identity, conversation_id: str, state: UnreadState, newest: Row | None) -> Row | None:
        """Return the last message that the user may read and has not hidden; mostly `newest`, which the head names."""
        mine = message_ranges.readable(state.member, state.head)
        if newest is not None and mine and newest["sent"]["n"] in mine[-1]:
            return newest

        async def shown(ranges: Ranges) -> list[Row]:
            return await self.shown(who, await self._numbered(conversation_id, ranges))

        if state.inbox.hidden and state.inbox.hidden == state.inbox.numbered:
            look = partial(self.shown_numbers, who, conversation_id)
            numbers = await pagination.last_before(mine, None, 1, look, pagination.NUMBERS_BATCH_SIZE)
            rows = await self._numbered(conversation_id, [range(n, n + 1) for n in numbers])
        else:
            rows = await pagination.last_before(mine, None, 1, shown, LAST_PAGE)
        return rows[0] if rows else None

    async def _numbered(self, conversation_id: str, ranges: Ranges) -> list[Row]:
        """Return the messages with these numbers, in order."""
        found, place = list[Row](), self._place(message_rows.ROWS)
        for part in ranges:
            low, high = part.start, part.stop
            found += await self._documents.find(place, "sent", [conversation_id], low=low, high=high, limit=len(part))
        return found

    async def _fresh_view(self, view: Conversation, message: Row | None) -> Conversation:
        """Return a view that is new enough to decide who may read this message."""
        if message is None:
            return view
        return await with_fresh_view(self._memberships, view, message["sent"].get("conversation_n", 0))

    async def _get(self, table: Table, ids: Iterable[str]) -> dict[str, Row]:
        """Return rows, read in batches."""
        wanted, found = list(ids), dict[str, Row]()
        for start in range(0, len(wanted), BATCH_SIZE):
            found |= await self._documents.get(self._place(table), wanted[start : start + BATCH_SIZE])
        return found

    def _place(self, table: Table) -> TableGeneration:
        return TableGeneration(table, self._generations.live(table.model))


def _stays_archived(state: Inbox, head: int) -> bool:
    """Return whether an archived conversation is certainly still archived: it has no message since."""
    return state.archived_seq is None or head <= state.archived_seq


def _parts(views: Mapping[str, Conversation]) -> Iterable[Mapping[str, Conversation]]:
    """Yield the same in batches of as many as rows are read together."""
    items = list(views.items())
    return (dict(items[start : start + BATCH_SIZE]) for start in range(0, len(items), BATCH_SIZE))


def _overview(
    who: Identity, view: Conversation, state: UnreadState, named: Sequence[Row], message: Row | None
) -> MemberOverview:
    seen = None if message is None else message_rows.view(message)
    last = None if seen is None or message is None else threads.counted(seen, message, view.members[who.user_id])
    n = 0 if message is None else message["sent"].get("conversation_n", 0)
    return MemberOverview(
        inbox=inbox_rows.view_of(view.conversation_id, state.inbox),
        unread=state.unread,
        mentions=unread.mentions(state, who.user_id, named),
        last_message=last if last is not None and view.members[who.user_id].reads(last.seq, n) else None,
    )
