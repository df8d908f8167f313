"""SyncQueries answers `sync`: the rows of a user's conversations and user lane beyond the positions named, as ordinary
pushes, and then `synced`.

Heads are read before rows, so the positions in the answer never exceed what was sent. The number of rows read is
bounded: beyond it the answer is `complete: false` with the positions reached, and the client continues from there.
"""

from typing import Any, Final

from core.domain.conversation import Conversation
from core.ports.memberships import Memberships
from edge.socket.delivery.current_heads import CurrentHeads
from edge.socket.delivery.sync_sender import SyncSender
from edge.socket.session.client_session import ClientSession
from projections.inbox import inbox_rows
from projections.queries.fair_turns import FairTurns
from projections.queries.lanes import HEADS_BATCH_SIZE, LaneHeads, Lanes
from schemas.bounds import SYNC_ROWS
from schemas.commands.queries import Sync
from schemas.topics import CONVERSATION_UPDATED, partition_of
from schemas.wire.frames import LANES, USER

MAX_POSITIONS: Final = 1_000
"""Maximum number of conversations whose positions are in an answer without rows."""

Positions = dict[str, LaneHeads]


class SyncQueries:
    """Answers syncs, each page in a turn of its user. Raises `NotReady` and `Unavailable`, perhaps after some rows,
    which the next sync repeats.
    """

    def __init__(
        self,
        memberships: Memberships,
        lanes: Lanes,
        current: CurrentHeads,
        turns: FairTurns,
        rows: int = SYNC_ROWS,
        *,
        positions: int = MAX_POSITIONS,
    ) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._current = current
        self._turns = turns
        self._rows = rows
        self._positions = positions

    async def sync(self, client: ClientSession, query: Sync) -> dict[str, Any]:
        """Send the rows through `client.send`; return the data of `synced`, a `schemas.wire.answers.Synced`.

        Conversations that the positions lack are sent from their beginning, those that the user left up to that change.
        Where positions exceed the heads, they are named in `reset` and nothing is sent. With `tell` false only
        the present positions are returned.
        """
        sender, reset = SyncSender(client, self._memberships, self._lanes, self._turns, self._rows), list[str]()
        user = None if query.user is None else await self._user_lane(sender, query.user, reset, send=query.tell)
        given = {key: lanes for key, lanes in query.positions.items() if _within(key, query)}
        views = await self._conversations(client, query, given)
        if query.tell:
            reached = await self._send(sender, views, given, reset)
        else:
            reached = await self._present_positions(sender, views, given)
        return {"complete": not sender.incomplete, "positions": reached, "user": user, "reset": reset}

    # Conversations

    async def _conversations(self, client: ClientSession, query: Sync, given: Positions) -> dict[str, Conversation]:
        """Return the conversations of a query by id: those that the user is in, and those they named and were in.

        That the user is not in one that they named is re-checked against the log's end: otherwise its lanes would
        continue from a wrong beginning. Raises `NotReady`.
        """
        who, views = client.identity.user_id, await self._views(client, query, given)
        doubted = (key for key in given if key not in views or not views[key].is_member(who))
        for doubtful in {partition_of(CONVERSATION_UPDATED, key.encode()): key for key in doubted}.values():
            await self._memberships.prove(doubtful)
        return await self._views(client, query, given)

    async def _views(self, client: ClientSession, query: Sync, given: Positions) -> dict[str, Conversation]:
        """Return the conversations within the bounds of a query that the user is in, or named and was in, by id."""
        who = client.identity
        known = self._memberships.of_user(who.tenant, who.user_id).intersection(given)
        keys = known.union(self._memberships.present_of_user(who.tenant, who.user_id))
        found = await self._memberships.find_all(sorted(key for key in keys if _within(key, query)))
        return {key: view for key, view in found.items() if _takes_part(view, who.user_id, named=key in given)}

    # Positions

    async def _user_lane(self, sender: SyncSender, given: int, reset: list[str], *, send: bool) -> int | None:
        """Send the user lane, if asked to; return its position."""
        who = sender.client.identity
        key = inbox_rows.key_of(who.tenant, who.user_id)
        head = await self._current.of_user(who, given)
        if not send:
            return head
        if given > head:
            reset.append(USER)
            return None
        return await sender.user_lane(key, given, head)

    async def _send(
        self, sender: SyncSender, views: dict[str, Conversation], given: Positions, reset: list[str]
    ) -> Positions:
        """Send the conversations; return the positions reached."""
        reached, heads = Positions(), Positions()
        for at, (key, view) in enumerate(views.items()):
            if not sender.has_rows_left:
                reached |= {key: given[key]} if key in given else {}
                continue
            if key not in heads:
                async with self._turns.turn(sender.client.identity.key):
                    heads = await self._current.of([*views][at : at + HEADS_BATCH_SIZE], given)
            if _beyond(given.get(key, {}), heads[key]):
                reset.append(key)
            else:
                reached[key] = await sender.conversation(view, heads[key], given.get(key, {}))
        return reached

    async def _present_positions(
        self, sender: SyncSender, views: dict[str, Conversation], given: Positions
    ) -> Positions:
        """Return the present positions of the conversations, of the first ones if there are too many; none is reset."""
        sender.incomplete = len(views) > self._positions
        some = [*views][: self._positions]
        async with self._turns.turn(sender.client.identity.key):
            heads = await self._current.of(some, given)
        return {key: await sender.goals(views[key], heads[key]) for key in some}


def _takes_part(view: Conversation, user_id: str, *, named: bool) -> bool:
    """Return whether a user is in a conversation or, if they named it, was in it."""
    return view.is_member(user_id) or (named and user_id in view.members)


def _within(key: str, query: Sync) -> bool:
    """Return whether a conversation is within the bounds of a query."""
    return (query.after is None or key > query.after) and (query.upto is None or key <= query.upto)


def _beyond(given: LaneHeads, heads: LaneHeads) -> bool:
    """Return whether positions exceed the heads."""
    return any(n > heads[lane] for lane, n in given.items() if lane in LANES)
