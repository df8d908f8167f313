"""What was said in a conversation, for whoever was ever in it: one message, pages by number, threads.

Heads are read before rows, so that every number up to them has its row; and nothing is shown by a view of who may read
that is older than the message. What the reader has hidden is not there for them.
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
from projections.queries.response_size import ROOM, fitting, size
from schemas.bounds import UNREAD_COUNTED
from schemas.commands import queries
from schemas.commands.queries import GetMessage, Thread
from schemas.wire.answers import MessageFound, Messages, ThreadFound
from schemas.wire.views import MessageView

ENDS: Final = ("before", "after", "around")
NOTHING: Final[Page[Row]] = Page((), more_before=False, more_after=False)

Entered = Callable[[Identity, str], Awaitable[Conversation]]


class History:
    """Answers what one node's users ask of messages. Raises `Rejected` (proved), `NotReady` and `Unavailable`.

    `entered` answers the conversation of a user who was ever in it.
    """

    def __init__(
        self,
        entered: Entered,
        memberships: Memberships,
        reader: MessageReader,
        lanes: Lanes,
        inboxes: Inboxes,
    ) -> None:
        self._entered = entered
        self._memberships = memberships
        self._reader = reader
        self._lanes = lanes
        self._inboxes = inboxes

    async def get(self, who: Identity, asked: GetMessage) -> MessageFound:
        """One message with its versions, as many as fit."""
        row, view, _ = await self._one(who, asked.conversation_id, asked.message_id)
        if not await self._inboxes.shown(who, [row]):
            raise _missing(asked.message_id)
        versions = message_rows.versions(row)[asked.after :]
        fits = fitting(versions, 0, beside=view)
        return MessageFound(message=view, versions=versions[: fits.stop], more=fits.stop < len(versions))

    async def page(self, who: Identity, asked: queries.History) -> Messages:
        """Messages by number: before one, after one, around one, or the last ones."""
        given = [name for name in ENDS if getattr(asked, name) is not None]
        if len(given) > 1:
            raise field_error(given[1], "value", "a page lies before, after or around a message: name one of them")
        here, shown, leaf = await self._entered(who, asked.conversation_id), list[MessageView](), NOTHING
        head, n = await self._head(asked.conversation_id), -1
        while n < here.n:  # what was read may show that the view was old
            n, leaf = here.n, await self._leaf(who, await self._mine(who, here, head), asked)
            here = await self._seeing(here, leaf.rows)
            shown = _shown(who, here, leaf.rows)
        fits = fitting(shown, _anchor(shown, asked))
        return Messages(
            messages=shown[fits.start : fits.stop],
            more_before=leaf.more_before or fits.start > 0,
            more_after=leaf.more_after or fits.stop < len(shown),
        )

    async def _leaf(self, who: Identity, mine: Ranges, asked: queries.History) -> Page[Row]:
        """The page that was asked for, of what these stays have and the reader has not hidden."""

        key = asked.conversation_id

        async def read(ranges: Ranges) -> list[Row]:
            return [row for part in ranges for row in await self._reader.part(key, part)]

        async def shown(ranges: Ranges) -> list[Row]:
            return await self._inboxes.shown(who, await read(ranges))

        state = (await self._inboxes.states(who, [key]))[key]
        if not state.hidden:
            return await pagination.plain(mine, asked, read)
        if state.hidden == state.numbered:
            return await pagination.numbered(mine, asked, read, partial(self._inboxes.shown_numbers, who, key))
        return await pagination.passing(mine, asked, shown, pagination.AT_ONCE)

    async def thread(self, who: Identity, asked: Thread) -> ThreadFound:
        """The message that began the thread of the one named, and the answers, as far as they are the reader's."""
        row, root, here = await self._one(who, asked.conversation_id, asked.message_id, beyond=True)
        if root.thread_root is not None:
            row, root, here = await self._one(who, asked.conversation_id, root.thread_root, beyond=True)
        head = await self._head(asked.conversation_id)
        n, read, rows, unread = -1, 0, list[Row](), list[Row]()
        mine: Ranges = ()
        while n < here.n:
            n, mine = here.n, await self._mine(who, here, head)
            rows = await self._answers(who, root, mine, asked)
            read, first = await self._inboxes.thread(who, here, root.message_id)
            unread = await self._unread(root, range(first, mine[-1].stop if mine else 0))
            here = await self._seeing(here, [*rows, *unread])
        shown = _shown(who, here, rows[: asked.limit])
        reads = _reads(who, here, row) and bool(await self._inboxes.shown(who, [row]))
        if not (reads or shown or await self._answers(who, root, mine, structs.replace(asked, after=0, limit=1))):
            raise _missing(asked.message_id)  # whatever they ask for `after`: it is not there for them
        told = root if reads and not (shown and size(root) + size(shown[0]) > ROOM) else None
        fits = fitting(shown, 0, beside=told)
        return ThreadFound(
            root=told,
            messages=shown[: fits.stop],
            more_after=len(rows) > fits.stop,
            read=read,
            unread=len(unread),
        )

    async def _unread(self, root: MessageView, seqs: range) -> list[Row]:
        """The first answers among these numbers, as many as are counted: hidden and deleted ones count too."""
        return list(await self._reader.answers(root.conversation_id, root.message_id, seqs, UNREAD_COUNTED))

    async def _answers(self, who: Identity, root: MessageView, mine: Ranges, asked: Thread) -> list[Row]:
        """One more than was asked for, where there are so many; whole stays are passed over, not read through, and
        where much is hidden more is looked through at one time.
        """
        found, start, most = list[Row](), message_ranges.next_after(mine, asked.after), asked.limit + 1
        while start is not None and len(found) <= asked.limit:
            seqs = range(start, mine[-1].stop)
            rows = await self._reader.answers(asked.conversation_id, root.message_id, seqs, most)
            theirs = [row for row in rows if any(row["sent"]["n"] in stay for stay in mine)]
            found += await self._inboxes.shown(who, theirs)
            start = message_ranges.next_after(mine, rows[-1]["sent"]["n"]) if len(rows) == most else None
            most = max(most, min(2 * most, pagination.AT_ONCE))
        return found[: asked.limit + 1]

    async def _one(
        self, who: Identity, conversation_id: str, message_id: str, *, beyond: bool = False
    ) -> tuple[Row, MessageView, Conversation]:
        """A message that this user may read, or also one `beyond` their stays, and its conversation. A no is proved."""
        for proved in (False, True):
            here = await self._entered(who, conversation_id)
            row = (await self._reader.rows([message_id])).get(message_id)
            view = None if row is None else message_rows.view(row)
            if row is not None and view is not None and view.conversation_id == conversation_id:
                here = await self._seeing(here, [row])
                if beyond or _reads(who, here, row):
                    return row, threads.counted(view, row, here.members[who.user_id]), here
            if not proved:
                await self._reader.prove(conversation_id)
                await self._memberships.prove(conversation_id)
        raise _missing(message_id)

    async def _mine(self, who: Identity, here: Conversation, head: int) -> Ranges:
        """What they read of the messages 1 … `head`."""
        member = await as_read(self._lanes, here.conversation_id, here.members[who.user_id], head)
        return message_ranges.readable(member, head)

    async def _head(self, conversation_id: str) -> int:
        return (await self._lanes.heads([conversation_id]))[conversation_id]["sent"]

    async def _seeing(self, here: Conversation, rows: Sequence[Row]) -> Conversation:
        """A view that knows who may read these rows. Raises `NotReady`."""
        newest = max((row["sent"].get("conversation_n", 0) for row in rows), default=0)
        return await with_fresh_view(self._memberships, here, newest)


def _shown(who: Identity, here: Conversation, rows: Sequence[Row]) -> list[MessageView]:
    """What the reader sees of these messages."""
    reader = here.members[who.user_id]
    return [threads.counted(view, row, reader) for row in rows if (view := message_rows.view(row)) is not None]


def _reads(who: Identity, here: Conversation, row: Row) -> bool:
    """Whether a message of this conversation is theirs to read."""
    return here.members[who.user_id].reads(row["sent"]["n"], row["sent"].get("conversation_n", UNKNOWN))


def _missing(message_id: str) -> Rejected:
    return Rejected("message_not_found", f"there is no message {message_id} in this conversation")


def _anchor(shown: Sequence[MessageView], asked: queries.History) -> int:
    """The one that a page is to have where not all fit."""
    if asked.around is not None:
        return next((at for at, view in enumerate(shown) if view.seq >= asked.around), len(shown) - 1)
    return 0 if asked.after is not None else len(shown) - 1
