"""`sync`: what happened in a user's conversations and own lane beyond the positions they name, as ordinary pushes, then
`synced`.

Heads are read before rows, so the vector that is answered never says more than what was told. It is bounded by rows
read: where they do not suffice it answers `complete: false` and how far it came, and the client asks on from there.
"""

from typing import Any, Final

from core.domain.conversation import Conversation
from core.ports.memberships import Memberships
from edge.socket.delivery.current_heads import CurrentHeads
from edge.socket.delivery.sync_sender import SyncSender
from edge.socket.session.client_session import ClientSession
from projections.inbox import inbox_rows
from projections.queries.fair_turns import FairTurns
from projections.queries.lanes import HEADS_AT_ONCE, LaneHeads, Lanes
from schemas.bounds import SYNC_ROWS
from schemas.commands.queries import Sync
from schemas.topics import CONVERSATION_UPDATED, partition_of
from schemas.wire.frames import LANES, USER

POSITIONS: Final = 1_000
"""Of so many conversations one answer says where they stand."""

Positions = dict[str, LaneHeads]


class SyncQueries:
    """Answers syncs, each page in a turn of its user. Raises `NotReady` and `Unavailable`, perhaps after some rows:
    those are then told again.
    """

    def __init__(
        self,
        memberships: Memberships,
        lanes: Lanes,
        current: CurrentHeads,
        turns: FairTurns,
        rows: int = SYNC_ROWS,
        *,
        positions: int = POSITIONS,
    ) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._current = current
        self._turns = turns
        self._rows = rows
        self._positions = positions

    async def sync(self, visit: ClientSession, asked: Sync) -> dict[str, Any]:
        """Tell it all through `visit.send`; what `synced` says, a `schemas.wire.answers.Synced`.

        Conversations that the positions lack are told from their beginning, those left up to the leaving. Where the
        positions say more than there is they are named in `reset`, and nothing is told. Where it is not to tell, it
        only says where all of it stands.
        """
        telling, reset = SyncSender(visit, self._memberships, self._lanes, self._turns, self._rows), list[str]()
        user = None if asked.user is None else await self._own(telling, asked.user, reset, tell=asked.tell)
        given = {key: lanes for key, lanes in asked.positions.items() if _within(key, asked)}
        views = await self._known(visit, asked, given)
        if asked.tell:
            reached = await self._tell(telling, views, given, reset)
        else:
            reached = await self._stand(telling, views, given)
        return {"complete": not telling.short, "positions": reached, "user": user, "reset": reset}

    # Whose

    async def _known(self, visit: ClientSession, asked: Sync, given: Positions) -> dict[str, Conversation]:
        """The conversations that are asked about, by id: those that the user is in, and those they were in and name.

        That they are not in one that they name is a no, and proved: else its lanes would go on from a beginning that is
        not theirs. Raises `NotReady`.
        """
        who, views = visit.identity.user_id, self._views(visit, asked)
        doubted = (key for key in given if key not in views or not views[key].holds(who))
        for one in {partition_of(CONVERSATION_UPDATED, key.encode()): key for key in doubted}.values():
            await self._memberships.prove(one)
        views = self._views(visit, asked)
        return {key: view for key, view in views.items() if view.holds(who) or key in given}

    def _views(self, visit: ClientSession, asked: Sync) -> dict[str, Conversation]:
        """All conversations of that part that the user was ever in, by id."""
        who = visit.identity
        mine = sorted(key for key in self._memberships.of_user(who.tenant, who.user_id) if _within(key, asked))
        return {key: view for key in mine if (view := self._memberships.get(key)) is not None}

    # How far

    async def _own(self, telling: SyncSender, given: int, reset: list[str], *, tell: bool) -> int | None:
        """Tell the user's own lane; how far it was told."""
        who = telling.visit.identity
        key = inbox_rows.key_of(who.tenant, who.user_id)
        head = await self._current.of_user(who, given)
        if not tell:
            return head
        if given > head:
            reset.append(USER)
            return None
        return await telling.own(key, given, head)

    async def _tell(
        self, telling: SyncSender, views: dict[str, Conversation], given: Positions, reset: list[str]
    ) -> Positions:
        """Tell the conversations; how far they were told."""
        reached, heads = Positions(), Positions()
        for at, (key, view) in enumerate(views.items()):
            if not telling.goes_on:
                reached |= {key: given[key]} if key in given else {}
                continue
            if key not in heads:
                async with self._turns.turn(telling.visit.identity.key):
                    heads = await self._current.of([*views][at : at + HEADS_AT_ONCE], given)
            if _beyond(given.get(key, {}), heads[key]):
                reset.append(key)
            else:
                reached[key] = await telling.conversation(view, heads[key], given.get(key, {}))
        return reached

    async def _stand(self, telling: SyncSender, views: dict[str, Conversation], given: Positions) -> Positions:
        """Where the conversations stand, the first of them where there are many; nothing is reset that begins."""
        telling.short = len(views) > self._positions
        some = [*views][: self._positions]
        async with self._turns.turn(telling.visit.identity.key):
            heads = await self._current.of(some, given)
        return {key: await telling.goals(views[key], heads[key]) for key in some}


def _within(key: str, asked: Sync) -> bool:
    """Whether a conversation is of the part that is asked about."""
    return (asked.after is None or key > asked.after) and (asked.upto is None or key <= asked.upto)


def _beyond(given: LaneHeads, heads: LaneHeads) -> bool:
    """Whether positions say more than there is."""
    return any(n > heads[lane] for lane, n in given.items() if lane in LANES)
