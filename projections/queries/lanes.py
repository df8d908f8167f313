"""What the read models say of lanes, a conversation's and a user's own: heads, and rows as the frames that a push would
have been.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from core.ports.documents import Documents, Row, Table, TableGeneration
from core.ports.event_log import Unavailable
from projections.conversations import changes, conversation_rows
from projections.generations import Generations
from projections.inbox import actions, inbox_rows
from projections.messages import message_rows, reactions
from projections.queries.activity import Activity
from projections.queries.store_trust import StoreTrust
from schemas.wire import frames
from schemas.wire.frames import LANES, USER

LaneHeads = dict[str, int]
"""Lane → the number of its last record, 0 when it has none; all lanes are there."""

HEADS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class LaneRow:
    """What one row says in a lane. `frame` is empty where nobody is told: its message has not been read.

    `seq` is the message's, `conversation_n` how new the view must be that decides who reads it.
    """

    n: int
    seq: int
    conversation_n: int
    frame: bytes
    row: Row


@dataclass(frozen=True, slots=True)
class UserLanePage:
    """A part of a user's own lane: the frames by their numbers, ascending; `upto` is how far it goes, `rows` how many
    were read for it.
    """

    told: Sequence[tuple[int, bytes]]
    upto: int
    rows: int


class Lanes:
    """Reads the live generations. Read heads before rows, in one `life`: then a head proves that the rows up to it can
    be seen. A store that may not be believed is `Unavailable`.
    """

    def __init__(
        self, documents: Documents, generations: Generations, trust: StoreTrust, activity: Activity | None = None
    ) -> None:
        self._documents = documents
        self._generations = generations
        self.trust = trust
        self._activity = activity or Activity(documents, generations)

    @property
    def life(self) -> int:
        """The store's life (`Documents.life`)."""
        return self.trust.life

    def _require(self, life: int) -> None:
        if self.life != life:
            raise Unavailable("the store was started anew while heads were read")

    async def renew(self, model: str, generation: int) -> bool:
        """Look which generation is live where a push names a newer one; whether it had to. Raises `Unavailable`."""
        if generation <= self._generations.live(model):
            return False
        await self._generations.at_least(model, generation)
        return True

    async def refresh(self) -> None:
        """Look which generations are live now. Raises `Unavailable`."""
        await self._generations.refresh()

    def knows(self, model: str, generation: int) -> bool:
        """Whether a push of this generation needs no look."""
        return generation <= self._generations.live(model)

    async def heads(self, conversation_ids: Iterable[str]) -> dict[str, LaneHeads]:
        """The heads of each of these conversations. Raises `Unavailable`."""
        await self.trust.settled()
        life = self.life
        ids = list(conversation_ids)
        found: dict[str, LaneHeads] = {key: dict.fromkeys(LANES, 0) for key in ids}
        for start in range(0, len(ids), HEADS_AT_ONCE):
            some = ids[start : start + HEADS_AT_ONCE]
            for table in (message_rows.HEADS, conversation_rows.HEADS):
                rows = await self._documents.get(self._place(table), some)
                if table is message_rows.HEADS:
                    self._activity.saw(some, rows)
                for key, row in rows.items():
                    found[key] |= {lane: row[lane]["n"] for lane in LANES if lane in row}
        self._require(life)
        return found

    async def told(
        self, conversation_id: str, lane: str, beyond: int, upto: int, limit: int, *, reverse: bool = False
    ) -> Sequence[LaneRow]:
        """Rows of a lane with `beyond` < n <= `upto`, in its order. Raises `Unavailable`.

        A row whose facet moved on since is told at its newer number, later; so numbers may be missing.
        """
        await self.trust.settled()
        table = conversation_rows.CHANGES if lane == conversation_rows.LANE else message_rows.ROWS
        rows = await self._documents.find(
            self._place(table), lane, [conversation_id], low=beyond + 1, high=upto + 1, limit=limit, reverse=reverse
        )
        return [_change(row) if lane == conversation_rows.LANE else _message(row, lane) for row in rows]

    async def own_heads(self, keys: Iterable[str]) -> dict[str, int]:
        """The heads of the lanes of these users (`inbox.key_of`), 0 where there is none. Raises `Unavailable`."""
        await self.trust.settled()
        life = self.life
        found = dict.fromkeys(keys, 0)
        ids = list(found)
        for start in range(0, len(ids), HEADS_AT_ONCE):
            rows = await self._documents.get(self._place(inbox_rows.HEADS), ids[start : start + HEADS_AT_ONCE])
            found |= {key: row[USER]["n"] for key, row in rows.items()}
        self._require(life)
        return found

    async def own_told(self, key: str, beyond: int, upto: int, limit: int) -> UserLanePage:
        """A user's lane with `beyond` < n <= `upto`, or the first part of it: up to `limit` rows of either kind are
        read. Raises `Unavailable`.

        A conversation that moved on since is told at its newer number, later; what hides a message is told always.
        """
        await self.trust.settled()
        rows = await self._own(inbox_rows.ROWS, key, beyond, upto, limit)
        done = await self._own(inbox_rows.ACTS, key, beyond, upto, limit)
        hiding = {row[actions.FACET]["n"]: row for row in done if actions.hides(row)}
        about = await self._documents.get(self._place(inbox_rows.ROWS), {_row_of(act) for act in hiding.values()})
        views = {row[inbox_rows.FACET]["n"]: inbox_rows.view(row) for row in rows}
        views |= {n: inbox_rows.view(about[_row_of(act)], actions.hides(act)) for n, act in hiding.items()}
        ends = [rows[-1][inbox_rows.FACET]["n"]] if len(rows) == limit else []
        ends += [done[-1][actions.FACET]["n"]] if len(done) == limit else []
        reached = min(ends, default=upto)
        told = [(n, frames.push(frames.PUSH_OF_USER, views[n], USER, n)) for n in sorted(views) if n <= reached]
        return UserLanePage(told, reached, len(rows) + len(done))

    async def _own(self, table: Table, key: str, beyond: int, upto: int, limit: int) -> Sequence[Row]:
        """Rows or acts of a user, by number."""
        index = table.indexes[0].name
        return await self._documents.find(self._place(table), index, [key], low=beyond + 1, high=upto + 1, limit=limit)

    def _place(self, table: Table) -> TableGeneration:
        return TableGeneration(table, self._generations.live(table.model))


def _row_of(act: Row) -> str:
    """The row that an act is about."""
    return inbox_rows.row_id(act["tenant"], act["user_id"], act["conversation_id"])


def _change(row: Row) -> LaneRow:
    view = changes.change_view(row)
    n: int = row["change"]["n"]
    frame = frames.push(frames.PUSH_OF_LANE[conversation_rows.LANE], view, conversation_rows.LANE, n)
    return LaneRow(n, 0, n, frame, row)


def _message(row: Row, lane: str) -> LaneRow:
    n: int = row[lane]["n"]
    view = message_rows.view(row)
    if view is None:
        return LaneRow(n, 0, 0, b"", row)
    sent = row["sent"]
    correlation_id = sent["correlation_id"] if lane == "sent" else ""
    frame = frames.push(frames.PUSH_OF_LANE[lane], reactions.pushed(lane, view), lane, n, correlation_id)
    return LaneRow(n, view.seq, sent.get("conversation_n", 0), frame, row)
