"""One sync under way: what lies beyond a position is told to one session, lane by lane, as long as the rows last."""

from collections.abc import Sequence
from typing import Final

from core.domain.conversation import Conversation
from core.ports.memberships import Memberships
from edge.socket.session.client_session import ClientSession
from projections.conversations.conversation_rows import LANE as CHANGES
from projections.queries.fair_turns import FairTurns
from projections.queries.lanes import LaneHeads, LaneRow, Lanes
from projections.queries.last_change import left_at
from projections.queries.membership_ends import as_read
from projections.queries.read_consistency import with_fresh_view

PAGE: Final = 100
FIRST_PAGE: Final = 25
PAGE_BYTES: Final = 262_144
"""Maximum of bytes that are sent of one page, unless its first row has more: what is left of it is read again."""
TELLING: Final = (CHANGES, "sent", "edited", "deleted", "reaction")
"""First who is in it, then what was said, then what became of it."""


class SyncSender:
    """Tells `visit`; `rows` may still be told, and it is `short` once they did not suffice. Each page is read in a turn
    of the user's, once the client has read most of what was written to it.

    Raises `NotReady` and `Unavailable`, perhaps after some rows: those are then told again.
    """

    def __init__(
        self, visit: ClientSession, memberships: Memberships, lanes: Lanes, turns: FairTurns, rows: int
    ) -> None:
        self.visit: Final = visit
        self.rows = rows
        self.short = False
        self._memberships = memberships
        self._lanes = lanes
        self._turns = turns
        self._page = FIRST_PAGE

    @property
    def goes_on(self) -> bool:
        """Whether there are rows left; to be asked where there may be more to tell."""
        self.short = self.short or self.rows <= 0
        return self.rows > 0

    async def own(self, key: str, start: int, head: int) -> int:
        """Tell a user's own lane; the number up to which it was told."""
        at = start
        while at < head and self.goes_on:
            await self.visit.ready()
            async with self._turns.turn(self.visit.identity.key):
                own = await self._lanes.own_told(key, at, head, max(1, min(PAGE, self.rows) // 2))
            for _, frame in own.told:
                self.visit.send(frame)
            self.rows -= max(1, own.rows)
            at = own.upto
        return at

    async def conversation(self, view: Conversation, heads: LaneHeads, given: LaneHeads) -> LaneHeads:
        """Tell a conversation; the numbers up to which its lanes were told."""
        goals = await self.goals(view, heads)
        reached = {}
        for lane in TELLING:
            start = given.get(lane, 0)
            reached[lane] = await self._lane(view, lane, start, max(start, goals[lane]))
        return reached

    async def goals(self, view: Conversation, heads: LaneHeads) -> LaneHeads:
        """How far the user may be told: whoever left knows the changes up to the one that says so."""
        user_id = self.visit.identity.user_id
        member = view.members[user_id]
        if member.present:
            return heads
        left = await left_at(self._lanes, view.conversation_id, user_id, heads[CHANGES])
        member = await as_read(self._lanes, view.conversation_id, member, heads["sent"])
        return {**heads, CHANGES: left, "sent": min(heads["sent"], member.intervals[-1].until_seq or 0)}

    async def _lane(self, view: Conversation, lane: str, start: int, goal: int) -> int:
        at = start
        while at < goal and self.goes_on:
            await self.visit.ready()
            limit = min(self._page, self.rows)
            async with self._turns.turn(self.visit.identity.key):
                told = await self._lanes.told(view.conversation_id, lane, at, goal, limit)
            whole, told = len(told), self._fitting(told)
            newest = max((one.conversation_n for one in told), default=0)
            view = await with_fresh_view(self._memberships, view, newest)
            member = view.members[self.visit.identity.user_id]
            for one in told:
                if one.frame and (lane == CHANGES or member.reads(one.seq, one.conversation_n)):
                    self.visit.send(one.frame)
            self.rows -= max(1, len(told))
            at = told[-1].n if len(told) < whole or whole == limit else goal
        return at

    def _fitting(self, told: Sequence[LaneRow]) -> Sequence[LaneRow]:
        """The first rows of a page, as many as are sent together; of the next page about as many are read as fit."""
        count, size = 0, 0
        for one in told:
            size += len(one.frame)
            if count and size > PAGE_BYTES:
                break
            count += 1
        if told:
            self._page = max(1, min(PAGE, 2 * self._page, PAGE_BYTES * count // max(1, size)))
        return told[:count]
