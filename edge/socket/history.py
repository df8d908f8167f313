"""What was said in a conversation, for whoever was ever in it: one message, pages by number, threads.

Heads are read before rows, so that every number up to them has its row; and nothing is shown by a view of who may read
that is older than the message.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from core.domain.conversation import Conversation
from core.domain.decision import Rejected, misfit
from core.ports.documents import Row
from core.ports.memberships import Memberships
from edge.auth.tokens import Identity
from edge.socket import stays
from edge.socket.fitting import fitting
from edge.socket.lanes import Lanes
from edge.socket.seeing import as_new_as
from edge.socket.stays import Cut, Ranges
from projections import messages
from projections.reader import MessageReader
from schemas import commands
from schemas.answers import MessageFound, Messages, ThreadFound
from schemas.commands import GetMessage, Thread
from schemas.views import MessageView

ENDS: Final = ("before", "after", "around")
NOTHING: Final = Cut((), more_before=False, more_after=False)

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
    ) -> None:
        self._entered = entered
        self._memberships = memberships
        self._reader = reader
        self._lanes = lanes

    async def get(self, who: Identity, asked: GetMessage) -> MessageFound:
        """One message with its versions, as many as fit."""
        row, view, _ = await self._one(who, asked.conversation_id, asked.message_id)
        versions = messages.versions(row)[asked.after :]
        fits = fitting(versions, 0)
        return MessageFound(message=view, versions=versions[: fits.stop], more=fits.stop < len(versions))

    async def page(self, who: Identity, asked: commands.History) -> Messages:
        """Messages by number: before one, after one, around one, or the last ones."""
        given = [name for name in ENDS if getattr(asked, name) is not None]
        if len(given) > 1:
            raise misfit(given[1], "value", "a page lies before, after or around a message: name one of them")
        here, shown, cut = await self._entered(who, asked.conversation_id), list[MessageView](), NOTHING
        head, n = await self._head(asked.conversation_id), -1
        while n < here.n:  # what was read may show that the view was old
            n, cut = here.n, _asked(stays.readable(here.members[who.user_id], head), asked)
            rows = [row for part in cut.ranges for row in await self._reader.part(asked.conversation_id, part)]
            here = await self._seeing(here, rows)
            shown = [view for row in rows if (view := messages.view(row)) is not None]
        fits = fitting(shown, _anchor(shown, asked))
        return Messages(
            messages=shown[fits.start : fits.stop],
            more_before=cut.more_before or fits.start > 0,
            more_after=cut.more_after or fits.stop < len(shown),
        )

    async def thread(self, who: Identity, asked: Thread) -> ThreadFound:
        """The message that began the thread of the one named, and the answers, as far as they are the reader's."""
        _, root, here = await self._one(who, asked.conversation_id, asked.message_id, hidden=True)
        if root.thread_root is not None:
            _, root, here = await self._one(who, asked.conversation_id, root.thread_root, hidden=True)
        head, n, rows = await self._head(asked.conversation_id), -1, list[Row]()
        while n < here.n:
            n = here.n
            rows = await self._answers(root, stays.readable(here.members[who.user_id], head), asked)
            here = await self._seeing(here, rows)
        shown = [view for row in rows[: asked.limit] if (view := messages.view(row)) is not None]
        reads = here.members[who.user_id].reads(root.seq)
        if not (reads or shown or asked.after):
            raise _missing(asked.message_id)
        fits = fitting(shown, 0)
        return ThreadFound(root=root if reads else None, messages=shown[: fits.stop], more_after=len(rows) > fits.stop)

    async def _answers(self, root: MessageView, mine: Ranges, asked: Thread) -> list[Row]:
        """One more than was asked for, where there are so many; whole stays are passed over, not read through."""
        found, start = list[Row](), stays.next_after(mine, asked.after)
        while start is not None and len(found) <= asked.limit:
            seqs = range(start, mine[-1].stop)
            rows = await self._reader.answers(asked.conversation_id, root.message_id, seqs, asked.limit + 1)
            found += [row for row in rows if any(row["sent"]["n"] in stay for stay in mine)]
            start = stays.next_after(mine, rows[-1]["sent"]["n"]) if len(rows) > asked.limit else None
        return found

    async def _one(
        self, who: Identity, conversation_id: str, message_id: str, *, hidden: bool = False
    ) -> tuple[Row, MessageView, Conversation]:
        """A message that this user may read, or also a `hidden` one, and its conversation. A no is proved."""
        for proved in (False, True):
            here = await self._entered(who, conversation_id)
            row = (await self._reader.rows([message_id])).get(message_id)
            view = None if row is None else messages.view(row)
            if row is not None and view is not None and view.conversation_id == conversation_id:
                here = await self._seeing(here, [row])
                if hidden or here.members[who.user_id].reads(view.seq):
                    return row, view, here
            if not proved:
                await self._reader.prove(conversation_id)
                await self._memberships.prove(conversation_id)
        raise _missing(message_id)

    async def _head(self, conversation_id: str) -> int:
        return (await self._lanes.heads([conversation_id]))[conversation_id]["sent"]

    async def _seeing(self, here: Conversation, rows: Sequence[Row]) -> Conversation:
        """A view that knows who may read these rows. Raises `NotReady`."""
        newest = max((row["sent"].get("conversation_n", 0) for row in rows), default=0)
        return await as_new_as(self._memberships, here, newest)


def _missing(message_id: str) -> Rejected:
    return Rejected("message_not_found", f"there is no message {message_id} in this conversation")


def _asked(mine: Ranges, asked: commands.History) -> Cut:
    """The page that was asked for."""
    if asked.after is not None:
        return stays.after(mine, asked.after, asked.limit)
    if asked.around is not None:
        return stays.around(mine, asked.around, asked.limit)
    return stays.before(mine, asked.before, asked.limit)


def _anchor(shown: Sequence[MessageView], asked: commands.History) -> int:
    """The one that a page is to have where not all fit."""
    if asked.around is not None:
        return next((at for at, view in enumerate(shown) if view.seq >= asked.around), len(shown) - 1)
    return 0 if asked.after is not None else len(shown) - 1
