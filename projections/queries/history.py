"""History answers queries for the messages of a conversation: one message, pages by number, threads.

Heads are read before rows, so that every number up to them has its row; and no message is shown by a view of
memberships that is older than the message. Messages that the reader has hidden are treated as absent.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from msgspec import structs

from core.domain.conversation import Conversation
from core.domain.decision import Rejected, field_error
from core.domain.member import UNKNOWN
from core.identity import Identity
from core.ports.documents import Row
from core.ports.memberships import Memberships
from projections.messages import message_rows, threads
from projections.messages.reader import MessageReader
from projections.queries import message_ranges, pagination
from projections.queries.inboxes import Inboxes
from projections.queries.lanes import Lanes
from projections.queries.membership_ends import as_read
from projections.queries.message_ranges import Ranges
from projections.queries.pagination import Page
from projections.queries.read_consistency import with_fresh_view
from projections.queries.response_size import ENTRIES_BYTES, fitting_range, size
from schemas.bounds import UNREAD_COUNTED
from schemas.commands import queries
from schemas.commands.queries import GetMessage, Thread
from schemas.wire.answers import MessageFound, Messages, ThreadFound
from schemas.wire.views import MessageView

ENDS: Final = ("before", "after", "around")
NOTHING: Final[Page[Row]] = Page((), more_before=False, more_after=False)

RequireEverMember = Callable[[Identity, str], Awaitable[Conversation]]


class History:
    """Answers message queries of one node's users. Raises `Rejected` (re-checked against the log's end), `NotReady` and
    `Unavailable`.

    `require_ever_member` returns the conversation of a user who was ever in it.
    """

    def __init__(
        self,
        require_ever_member: RequireEverMember,
        memberships: Memberships,
        reader: MessageReader,
        lanes: Lanes,
        inboxes: Inboxes,
    ) -> None:
        self._require_ever_member = require_ever_member
        self._memberships = memberships
        self._reader = reader
        self._lanes = lanes
        self._inboxes = inboxes

    async def get(self, who: Identity, query: GetMessage) -> MessageFound:
        """Return one message with as many of its versions as fit."""
        row, view, _ = await self._one(who, query.conversation_id, query.message_id)
        if not await self._inboxes.shown(who, [row]):
            raise _missing(query.message_id)
        versions = message_rows.versions(row)[query.after :]
        fits = fitting_range(versions, 0, beside=view)
        return MessageFound(message=view, versions=versions[: fits.stop], more=fits.stop < len(versions))

    async def page(self, who: Identity, query: queries.History) -> Messages:
        """Return messages by number: before one, after one, around one, or the last ones."""
        given = [name for name in ENDS if getattr(query, name) is not None]
        if len(given) > 1:
            raise field_error(given[1], "value", "a page lies before, after or around a message: name one of them")
        here, shown, page = await self._require_ever_member(who, query.conversation_id), list[MessageView](), NOTHING
        head, n = await self._head(query.conversation_id), -1
        while n < here.n:  # the rows read may show that the view was outdated
            n, page = here.n, await self._page(who, await self._mine(who, here, head), query)
            here = await self._fresh_view(here, page.rows)
            shown = _shown(who, here, page.rows)
        fits = fitting_range(shown, _anchor(shown, query))
        return Messages(
            messages=shown[fits.start : fits.stop],
            more_before=page.more_before or fits.start > 0,
            more_after=page.more_after or fits.stop < len(shown),
        )

    async def _page(self, who: Identity, mine: Ranges, query: queries.History) -> Page[Row]:
        """Return the page of a query, of the messages in these ranges that the reader has not hidden."""

        key = query.conversation_id

        async def read(ranges: Ranges) -> list[Row]:
            return [row for part in ranges for row in await self._reader.part(key, part)]

        async def shown(ranges: Ranges) -> list[Row]:
            return await self._inboxes.shown(who, await read(ranges))

        state = (await self._inboxes.states(who, [key]))[key]
        if not state.hidden:
            return await pagination.plain(mine, query, read)
        if state.hidden == state.numbered:
            return await pagination.numbered(mine, query, read, partial(self._inboxes.shown_numbers, who, key))
        return await pagination.skipping(mine, query, shown, pagination.BATCH_SIZE)

    async def thread(self, who: Identity, query: Thread) -> ThreadFound:
        """Return the root of the named message's thread, and the answers, as far as the reader may read them."""
        row, root, here = await self._one(who, query.conversation_id, query.message_id, beyond=True)
        if root.thread_root is not None:
            row, root, here = await self._one(who, query.conversation_id, root.thread_root, beyond=True)
        head = await self._head(query.conversation_id)
        n, read, rows, unread = -1, 0, list[Row](), list[Row]()
        mine: Ranges = ()
        while n < here.n:
            n, mine = here.n, await self._mine(who, here, head)
            rows = await self._answers(who, root, mine, query)
            read, first = await self._inboxes.thread(who, here, root.message_id)
            unread = await self._unread(root, range(first, mine[-1].stop if mine else 0))
            here = await self._fresh_view(here, [*rows, *unread])
        shown = _shown(who, here, rows[: query.limit])
        reads = _reads(who, here, row) and bool(await self._inboxes.shown(who, [row]))
        if not (reads or shown or await self._answers(who, root, mine, structs.replace(query, after=0, limit=1))):
            raise _missing(query.message_id)  # with any `after`: the thread does not exist for them
        shown_root = root if reads and not (shown and size(root) + size(shown[0]) > ENTRIES_BYTES) else None
        fits = fitting_range(shown, 0, beside=shown_root)
        return ThreadFound(
            root=shown_root,
            messages=shown[: fits.stop],
            more_after=len(rows) > fits.stop,
            read=read,
            unread=len(unread),
        )

    async def _unread(self, root: MessageView, seqs: range) -> list[Row]:
        """Return the first answers among these numbers, up to the maximum counted; hidden and deleted ones count."""
        return list(await self._reader.replies(root.conversation_id, root.message_id, seqs, UNREAD_COUNTED))

    async def _answers(self, who: Identity, root: MessageView, mine: Ranges, query: Thread) -> list[Row]:
        """Return up to one answer more than the limit. Unreadable ranges are skipped without reading them, and batches
        grow while answers are hidden.
        """
        found, start, count = list[Row](), message_ranges.next_after(mine, query.after), query.limit + 1
        while start is not None and len(found) <= query.limit:
            seqs = range(start, mine[-1].stop)
            rows = await self._reader.replies(query.conversation_id, root.message_id, seqs, count)
            theirs = [row for row in rows if any(row["sent"]["n"] in part for part in mine)]
            found += await self._inboxes.shown(who, theirs)
            start = message_ranges.next_after(mine, rows[-1]["sent"]["n"]) if len(rows) == count else None
            count = max(count, min(2 * count, pagination.BATCH_SIZE))
        return found[: query.limit + 1]

    async def _one(
        self, who: Identity, conversation_id: str, message_id: str, *, beyond: bool = False
    ) -> tuple[Row, MessageView, Conversation]:
        """Return a message and its conversation: one that the user may read, or with `beyond` any. A rejection is
        re-checked against the log's end.
        """
        for rechecked in (False, True):
            here = await self._require_ever_member(who, conversation_id)
            row = (await self._reader.rows([message_id])).get(message_id)
            view = None if row is None else message_rows.view(row)
            if row is not None and view is not None and view.conversation_id == conversation_id:
                here = await self._fresh_view(here, [row])
                if beyond or _reads(who, here, row):
                    return row, threads.counted(view, row, here.members[who.user_id]), here
            if not rechecked:
                await self._reader.prove(conversation_id)
                await self._memberships.prove(conversation_id)
        raise _missing(message_id)

    async def _mine(self, who: Identity, here: Conversation, head: int) -> Ranges:
        """Return the ranges that the user may read of the messages 1 … `head`."""
        member = await as_read(self._lanes, here.conversation_id, here.members[who.user_id], head)
        return message_ranges.readable(member, head)

    async def _head(self, conversation_id: str) -> int:
        return (await self._lanes.heads([conversation_id]))[conversation_id]["sent"]

    async def _fresh_view(self, here: Conversation, rows: Sequence[Row]) -> Conversation:
        """Return a view that is new enough to decide who may read these rows. Raises `NotReady`."""
        newest = max((row["sent"].get("conversation_n", 0) for row in rows), default=0)
        return await with_fresh_view(self._memberships, here, newest)


def _shown(who: Identity, here: Conversation, rows: Sequence[Row]) -> list[MessageView]:
    """Return the views of these messages for the reader."""
    reader = here.members[who.user_id]
    return [threads.counted(view, row, reader) for row in rows if (view := message_rows.view(row)) is not None]


def _reads(who: Identity, here: Conversation, row: Row) -> bool:
    """Return whether the user may read a message of this conversation."""
    return here.members[who.user_id].reads(row["sent"]["n"], row["sent"].get("conversation_n", UNKNOWN))


def _missing(message_id: str) -> Rejected:
    return Rejected("message_not_found", f"there is no message {message_id} in this conversation")


def _anchor(shown: Sequence[MessageView], query: queries.History) -> int:
    """Return the index of the message that a page must contain if not all fit."""
    if query.around is not None:
        return next((at for at, view in enumerate(shown) if view.seq >= query.around), len(shown) - 1)
    return 0 if query.after is not None else len(shown) - 1
