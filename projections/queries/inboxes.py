"""What one user keeps for themselves, as their answers need it: in a few reads, however many conversations it is about.

Heads are read before all that rests on them. Nothing of a message is told that the user has hidden.
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
from projections.inbox.unread import Ours
from projections.messages import message_rows, threads, unread_markers
from projections.queries import message_ranges, pagination
from projections.queries.message_ranges import Ranges
from projections.queries.read_consistency import with_fresh_view

AT_ONCE: Final = 1_000
"""So many rows are read at one time."""
LAST_PAGE: Final = 50
"""So many messages are looked through at one time for the last one that is not hidden."""

NOTHING_KNOWN: Final[Mapping[str, Inbox]] = MappingProxyType({})


class Inboxes:
    """Reads the live generations. Raises `Unavailable`."""

    def __init__(self, documents: Documents, generations: Generations, memberships: Memberships, clock: Clock) -> None:
        self._documents = documents
        self._generations = generations
        self._memberships = memberships
        self._clock = clock

    async def states(self, who: Identity, conversation_ids: Iterable[str]) -> dict[str, Inbox]:
        """How the user has each of these conversations."""
        ids = {key: inbox_rows.row_id(who.tenant, who.user_id, key) for key in conversation_ids}
        rows = await self._get(inbox_rows.ROWS, ids.values())
        return {key: inbox_rows.state_of(facet_of(rows.get(row_id), inbox_rows.FACET)) for key, row_id in ids.items()}

    async def archived(
        self, who: Identity, views: Mapping[str, Conversation], heads: Mapping[str, int], states: Mapping[str, Inbox]
    ) -> frozenset[str]:
        """Which of these conversations are put away, which the user has so, and whose last messages have these
        numbers.
        """
        away = {key: view for key, view in views.items() if states[key].archived}
        doubtful = [key for key in away if not _stays_away(states[key], heads[key])]
        marked = (
            await self._get(unread_markers.ROWS, (unread_markers.row_id(key, who.user_id) for key in doubtful))
            if doubtful
            else {}
        )
        ours = self._as_now(who, away, states, marked, heads)
        return frozenset(key for key, one in ours.items() if one.inbox.archived)

    async def pins(self, who: Identity) -> dict[str, int]:
        """The conversations that the user has pinned, and the numbers of these pins."""
        return await pins_of(self._documents, self._generations, who.tenant, who.user_id)

    async def thread(self, who: Identity, view: Conversation, root: str) -> tuple[int, int]:
        """Up to where the user's cursors say that a thread is read, and from where on there may be unread answers."""
        key = view.conversation_id
        row_id = inbox_rows.row_id(who.tenant, who.user_id, key, root)
        rows = await self._get(inbox_rows.ROWS, [row_id])
        cursor = inbox_rows.state_of(facet_of(rows.get(row_id), inbox_rows.FACET)).read
        ours = (await self._ours(who, {key: view}, {}))[key]
        return max(ours.inbox.read, cursor), max(ours.floor, cursor) + 1

    async def hidden(self, who: Identity, message_ids: Iterable[str]) -> frozenset[str]:
        """Which of these messages the user has hidden."""
        ids = {inbox_rows.hidden_id(who.tenant, who.user_id, key): key for key in message_ids}
        rows = await self._get(inbox_rows.ACTS, ids)
        return frozenset(key for act_id, key in ids.items() if act_id in rows and actions.hides(rows[act_id]) == key)

    async def shown(self, who: Identity, rows: Sequence[Row]) -> list[Row]:
        """Those of these messages that the user has not hidden."""
        hidden = await self.hidden(who, [row["_id"] for row in rows])
        return [row for row in rows if row["_id"] not in hidden]

    async def shown_numbers(self, who: Identity, conversation_id: str, ranges: Ranges) -> list[int]:
        """Those of these numbers that no hidden message has, where the numbers of all these are known."""
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

    async def own(
        self, who: Identity, views: Mapping[str, Conversation], known: Mapping[str, Inbox] = NOTHING_KNOWN
    ) -> dict[str, tuple[int, MemberOverview]]:
        """The number of the last message, and what is the user's own, of each of these conversations that they are in,
        and still are once its last message may be shown. `known` is how they have those of which it was just read.
        Raises `NotReady`.
        """
        heads = await self._get(message_rows.HEADS, views)
        ours = await self._ours(who, views, heads, known)
        last = {key: heads[key]["sent"].get("id", "") for key, one in ours.items() if one.head}
        named = {each for one in ours.values() for each in one.named}
        shown = await self._shown(who, named.union(filter(None, last.values())))
        found: dict[str, tuple[int, MemberOverview]] = {}
        for key, one in ours.items():
            message = await self._last(who, key, one, shown.get(last.get(key, "")))
            view = await self._seeing(views[key], message)
            if view.holds(who.user_id):
                said = [shown[each] for each in one.named if each in shown]
                found[key] = one.head, _own(who, view, one, said, message)
        return found

    async def unread(
        self, who: Identity, views: Mapping[str, Conversation], archived: bool | None
    ) -> list[tuple[int, int]]:
        """How much is unread, and how much of it names the user, in each of these conversations, or in those of them
        that are put away, or are not.
        """
        found: list[tuple[int, int]] = []
        for some in _parts(views):
            heads = await self._get(message_rows.HEADS, some)
            ours = await self._ours(who, some, heads)
            asked = [one for one in ours.values() if archived is None or one.inbox.archived == archived]
            shown = await self._shown(who, {each for one in asked for each in one.named})
            for one in asked:
                named = [shown[each] for each in one.named if each in shown]
                found.append((one.unread, unread.mentions(one, who.user_id, named)))
        return found

    async def _shown(self, who: Identity, message_ids: Collection[str]) -> dict[str, Row]:
        """Those of these messages that the user has not hidden; both are read at the same time."""
        rows, hidden = await asyncio.gather(self._get(message_rows.ROWS, message_ids), self.hidden(who, message_ids))
        return {key: row for key, row in rows.items() if key not in hidden}

    async def _ours(
        self,
        who: Identity,
        views: Mapping[str, Conversation],
        heads: Mapping[str, Row],
        known: Mapping[str, Inbox] = NOTHING_KNOWN,
    ) -> dict[str, Ours]:
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
    ) -> dict[str, Ours]:
        now = self._clock.now()
        return {
            key: Ours(
                view.members[who.user_id],
                states[key],
                marked.get(unread_markers.row_id(key, who.user_id)),
                heads.get(key, 0),
            ).at(now)
            for key, view in views.items()
        }

    async def _last(self, who: Identity, conversation_id: str, ours: Ours, newest: Row | None) -> Row | None:
        """The last message that is theirs to read and not hidden; mostly `newest`, which the head names."""
        mine = message_ranges.readable(ours.member, ours.head)
        if newest is not None and mine and newest["sent"]["n"] in mine[-1]:
            return newest

        async def shown(ranges: Ranges) -> list[Row]:
            return await self.shown(who, await self._numbered(conversation_id, ranges))

        if ours.inbox.hidden and ours.inbox.hidden == ours.inbox.numbered:
            look = partial(self.shown_numbers, who, conversation_id)
            numbers = await pagination.last_before(mine, None, 1, look, pagination.NUMBERS_AT_ONCE)
            rows = await self._numbered(conversation_id, [range(n, n + 1) for n in numbers])
        else:
            rows = await pagination.last_before(mine, None, 1, shown, LAST_PAGE)
        return rows[0] if rows else None

    async def _numbered(self, conversation_id: str, ranges: Ranges) -> list[Row]:
        """The messages with these numbers, in their order."""
        found, place = list[Row](), self._place(message_rows.ROWS)
        for part in ranges:
            low, high = part.start, part.stop
            found += await self._documents.find(place, "sent", [conversation_id], low=low, high=high, limit=len(part))
        return found

    async def _seeing(self, view: Conversation, message: Row | None) -> Conversation:
        """A view that knows who may read this message."""
        if message is None:
            return view
        return await with_fresh_view(self._memberships, view, message["sent"].get("conversation_n", 0))

    async def _get(self, table: Table, ids: Iterable[str]) -> dict[str, Row]:
        """Rows, many at one time."""
        wanted, found = list(ids), dict[str, Row]()
        for start in range(0, len(wanted), AT_ONCE):
            found |= await self._documents.get(self._place(table), wanted[start : start + AT_ONCE])
        return found

    def _place(self, table: Table) -> TableGeneration:
        return TableGeneration(table, self._generations.live(table.model))


def _stays_away(state: Inbox, head: int) -> bool:
    """Whether it is put away whatever its user said, since nothing was."""
    return state.archived_seq is None or head <= state.archived_seq


def _parts(views: Mapping[str, Conversation]) -> Iterable[Mapping[str, Conversation]]:
    """The same, as many at one time as rows are read."""
    items = list(views.items())
    return (dict(items[start : start + AT_ONCE]) for start in range(0, len(items), AT_ONCE))


def _own(who: Identity, view: Conversation, ours: Ours, named: Sequence[Row], message: Row | None) -> MemberOverview:
    seen = None if message is None else message_rows.view(message)
    last = None if seen is None or message is None else threads.counted(seen, message, view.members[who.user_id])
    n = 0 if message is None else message["sent"].get("conversation_n", 0)
    return MemberOverview(
        inbox=inbox_rows.view_of(view.conversation_id, ours.inbox),
        unread=ours.unread,
        mentions=unread.mentions(ours, who.user_id, named),
        last_message=last if last is not None and view.members[who.user_id].reads(last.seq, n) else None,
    )
