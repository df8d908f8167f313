"""SyncSender sends one session the rows beyond its positions, lane by lane, up to a maximum number of rows."""

from collections.abc import Sequence
from typing import Final

from core.domain.conversation import Conversation
from core.ports.memberships import Memberships
from edge.socket.session.client_session import ClientSession
from projections.queries.fair_turns import FairTurns
from projections.queries.lanes import LaneHeads, LaneRow, Lanes
from projections.queries.last_change import left_at
from projections.queries.membership_ends import as_read
from projections.queries.read_consistency import with_fresh_view
from schemas.wire.frames import CONVERSATION

PAGE: Final = 100
"""Maximum number of rows in a page."""
FIRST_PAGE: Final = 25
"""Maximum number of rows in the first page."""
PAGE_BYTES: Final = 262_144
"""Maximum number of bytes sent of one page, unless its first row is larger; the rest of the page is read again."""
LANE_ORDER: Final = (CONVERSATION, "sent", "edited", "deleted", "reaction")
"""First memberships, then messages, then changes of messages."""


class SyncSender:
    """Sends to `client`: `rows` is the number of rows left, and `incomplete` says that they did not suffice. Each page
    is read in a turn of the user, once the client has read most of what was written to it.

    Raises `NotReady` and `Unavailable`, perhaps after some rows, which the next sync repeats.
    """

    def __init__(
        self, client: ClientSession, memberships: Memberships, lanes: Lanes, turns: FairTurns, rows: int
    ) -> None:
        self.client: Final = client
        self.rows = rows
        self.incomplete = False
        self._memberships = memberships
        self._lanes = lanes
        self._turns = turns
        self._page = FIRST_PAGE

    @property
    def has_rows_left(self) -> bool:
        """Whether rows are left. Read it only when there may be more to send: it sets `incomplete`."""
        self.incomplete = self.incomplete or self.rows <= 0
        return self.rows > 0

    async def user_lane(self, key: str, start: int, head: int) -> int:
        """Send a user lane; return the number up to which it was sent."""
        at = start
        while at < head and self.has_rows_left:
            await self.client.ready()
            async with self._turns.turn(self.client.identity.key):
                page = await self._lanes.user_page(key, at, head, max(1, min(PAGE, self.rows) // 2))
            for _, frame in page.frames:
                self.client.send(frame)
            self.rows -= max(1, page.rows)
            at = page.upto
        return at

    async def conversation(self, view: Conversation, heads: LaneHeads, given: LaneHeads) -> LaneHeads:
        """Send a conversation; return the numbers up to which its lanes were sent."""
        goals = await self.goals(view, heads)
        reached = {}
        for lane in LANE_ORDER:
            start = given.get(lane, 0)
            reached[lane] = await self._lane(view, lane, start, max(start, goals[lane]))
        return reached

    async def goals(self, view: Conversation, heads: LaneHeads) -> LaneHeads:
        """Return the numbers up to which the user may be sent the lanes: a user who left receives the changes up to
        their own removal.
        """
        user_id = self.client.identity.user_id
        member = view.members[user_id]
        if member.present:
            return heads
        left = await left_at(self._lanes, view.conversation_id, user_id, heads[CONVERSATION])
        member = await as_read(self._lanes, view.conversation_id, member, heads["sent"])
        return {**heads, CONVERSATION: left, "sent": min(heads["sent"], member.intervals[-1].until_seq or 0)}

    async def _lane(self, view: Conversation, lane: str, start: int, goal: int) -> int:
        at = start
        while at < goal and self.has_rows_left:
            await self.client.ready()
            limit = min(self._page, self.rows)
            async with self._turns.turn(self.client.identity.key):
                rows = await self._lanes.rows_between(view.conversation_id, lane, at, goal, limit)
            read, rows = len(rows), self._rows_that_fit(rows)
            newest = max((row.conversation_n for row in rows), default=0)
            view = await with_fresh_view(self._memberships, view, newest)
            member = view.members[self.client.identity.user_id]
            for row in rows:
                if row.frame and (lane == CONVERSATION or member.reads(row.seq, row.conversation_n)):
                    self.client.send(row.frame)
            self.rows -= max(1, len(rows))
            at = rows[-1].n if len(rows) < read or read == limit else goal
        return at

    def _rows_that_fit(self, rows: Sequence[LaneRow]) -> Sequence[LaneRow]:
        """Return the first rows of a page that fit; set the size of the next page to about as many as fit."""
        count, size = 0, 0
        for row in rows:
            size += len(row.frame)
            if count and size > PAGE_BYTES:
                break
            count += 1
        if rows:
            self._page = max(1, min(PAGE, 2 * self._page, PAGE_BYTES * count // max(1, size)))
        return rows[:count]
