"""`sync`: what happened in a user's conversations beyond the positions they name, as ordinary pushes, then `synced`.

Heads are read before rows, so the vector that is answered never says more than what was told. It is bounded by rows
read: where they do not suffice it answers `complete: false` and how far it came, and the client asks on from there.
"""

from dataclasses import dataclass
from typing import Any, Final

from core.domain.conversation import Conversation
from core.ports.memberships import Memberships
from edge.socket.lanes import Heads, Lanes
from edge.socket.leaving import left_at
from edge.socket.seeing import as_new_as
from edge.socket.visit import Visit
from projections.conversations import LANE as CHANGES
from schemas.bounds import SYNC_ROWS
from schemas.commands import Sync
from schemas.frames import LANES
from schemas.topics import CONVERSATION_UPDATED, partition_of

PAGE: Final = 100
TELLING: Final = (CHANGES, "sent", "edited", "deleted", "reaction")
"""First who is in it, then what was said, then what became of it."""

Positions = dict[str, dict[str, int]]


@dataclass(slots=True)
class _Telling:
    """One sync under way: to whom, and how many rows may still be read; `short` once they did not suffice."""

    visit: Visit
    rows: int
    short: bool = False


class Syncing:
    """Answers syncs. Raises `NotReady` and `Unavailable`, perhaps after some rows: those are then told again."""

    def __init__(self, memberships: Memberships, lanes: Lanes, rows: int = SYNC_ROWS) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._rows = rows

    async def sync(self, visit: Visit, asked: Sync) -> dict[str, Any]:
        """Tell it all through `visit.send`; what `synced` says: `{"complete": bool, "positions": {…}}`.

        Conversations that the positions lack are told from their beginning, those left up to the leaving. Where it is
        not to tell, it only says how far it would.
        """
        who, telling, reached = visit.identity, _Telling(visit, self._rows), Positions()
        views = await self._known(visit, asked)
        told = [key for key, view in views.items() if view.holds(who.user_id) or key in asked.positions]
        heads = await self._lanes.heads(told)
        seen = [(key, lane, n) for key in told for lane, n in asked.positions.get(key, {}).items() if lane in LANES]
        if any(n > heads[key][lane] for key, lane, n in seen):
            await self._lanes.refresh()  # another node told more: it may have heard of a switch before us
            heads = await self._lanes.heads(told)
        if not asked.tell:
            stand = {key: await self._goals(views[key], who.user_id, heads[key]) for key in told}
            return {"complete": True, "positions": stand}
        for key in told:
            given = asked.positions.get(key)
            if telling.rows > 0:
                reached[key] = await self._conversation(telling, views[key], heads[key], given or {})
            else:
                telling.short = True
                reached |= {} if given is None else {key: given}
        return {"complete": not telling.short, "positions": reached}

    async def _known(self, visit: Visit, asked: Sync) -> dict[str, Conversation]:
        """All conversations that the user was ever in, by id. That they are not in one that they name is a no, and
        proved: else its lanes would go on from a beginning that is not theirs. Raises `NotReady`.
        """
        views = self._views(visit)
        doubted = (key for key in asked.positions if key not in views or not views[key].holds(visit.identity.user_id))
        for one in {partition_of(CONVERSATION_UPDATED, key.encode()): key for key in doubted}.values():
            await self._memberships.prove(one)
        return self._views(visit)

    def _views(self, visit: Visit) -> dict[str, Conversation]:
        """All conversations that the user was ever in, by id."""
        who = visit.identity
        mine = sorted(self._memberships.of_user(who.tenant, who.user_id))
        return {key: view for key in mine if (view := self._memberships.get(key)) is not None}

    async def _conversation(
        self, telling: _Telling, view: Conversation, heads: Heads, given: dict[str, int]
    ) -> dict[str, int]:
        goals = await self._goals(view, telling.visit.identity.user_id, heads)
        reached = {}
        for lane in TELLING:
            start = given.get(lane, 0)
            reached[lane] = await self._lane(telling, view, lane, start, max(start, goals[lane]))
        return reached

    async def _goals(self, view: Conversation, user_id: str, heads: Heads) -> Heads:
        """How far the user may be told: whoever left knows the changes up to the one that says so."""
        stay = view.members[user_id].intervals[-1]
        if stay.until_seq is None:
            return heads
        left = await left_at(self._lanes, view.conversation_id, user_id, heads[CHANGES])
        return {**heads, CHANGES: left, "sent": min(heads["sent"], stay.until_seq)}

    async def _lane(self, telling: _Telling, view: Conversation, lane: str, start: int, goal: int) -> int:
        """Tell one lane; the number up to which it was told."""
        at = start
        while at < goal:
            if telling.rows <= 0:
                telling.short = True
                return at
            await telling.visit.ready()
            limit = min(PAGE, telling.rows)
            told = await self._lanes.told(view.conversation_id, lane, at, goal, limit)
            newest = max((one.conversation_n for one in told), default=0)
            view = await as_new_as(self._memberships, view, newest)
            member = view.members[telling.visit.identity.user_id]
            for one in told:
                if one.frame and (lane == CHANGES or member.reads(one.seq)):
                    telling.visit.send(one.frame)
            telling.rows -= max(1, len(told))
            at = told[-1].n if len(told) == limit else goal
        return goal
