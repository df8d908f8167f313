"""Lanes reads lanes of conversations and users from the read models: heads, and rows as frames like their pushes."""

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
"""Lane → the number of its last record, 0 when it has none; all lanes are present."""

HEADS_BATCH_SIZE: Final = 500
"""Maximum number of heads that are read together."""


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One row of a lane. `frame` is empty where nothing is sent: the message itself has not been read yet.

    `seq` is the message's; `conversation_n` is the minimum version of the view that decides who may read it.
    """

    n: int
    seq: int
    conversation_n: int
    frame: bytes
    row: Row


@dataclass(frozen=True, slots=True)
class UserLanePage:
    """A part of a user lane: frames with their numbers, ascending; `upto` is the number it reaches, `rows` the number
    of rows that were read for it.
    """

    frames: Sequence[tuple[int, bytes]]
    upto: int
    rows: int


class Lanes:
    """Reads the live generations. Read heads before rows, in one `life`: then a head proves that the rows up to it are
    visible. Raises `Unavailable` for a store that is not trusted.
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
            raise Unavailable("the store was restarted while heads were read")

    async def renew(self, model: str, generation: int) -> bool:
        """Refresh the live generation if a push names a newer one; return whether it did. Raises `Unavailable`."""
        if generation <= self._generations.live(model):
            return False
        await self._generations.at_least(model, generation)
        return True

    async def refresh(self) -> None:
        """Read which generations are live now. Raises `Unavailable`."""
        await self._generations.refresh()

    def knows(self, model: str, generation: int) -> bool:
        """Return whether a push of this generation needs no refresh."""
        return generation <= self._generations.live(model)

    async def heads(self, conversation_ids: Iterable[str]) -> dict[str, LaneHeads]:
        """Return the heads of each of these conversations. Raises `Unavailable`."""
        await self.trust.wait_until_trusted()
        life = self.life
        ids = list(conversation_ids)
        found: dict[str, LaneHeads] = {key: dict.fromkeys(LANES, 0) for key in ids}
        for start in range(0, len(ids), HEADS_BATCH_SIZE):
            some = ids[start : start + HEADS_BATCH_SIZE]
            for table in (message_rows.HEADS, conversation_rows.HEADS):
                rows = await self._documents.get(self._place(table), some)
                if table is message_rows.HEADS:
                    self._activity.note_heads(some, rows)
                for key, row in rows.items():
                    found[key] |= {lane: row[lane]["n"] for lane in LANES if lane in row}
        self._require(life)
        return found

    async def rows_between(
        self, conversation_id: str, lane: str, beyond: int, upto: int, limit: int, *, reverse: bool = False
    ) -> Sequence[LaneRow]:
        """Return rows of a lane with `beyond` < n <= `upto`, in order. Raises `Unavailable`.

        A row whose facet has changed since has its newer, higher number; so numbers may be missing.
        """
        await self.trust.wait_until_trusted()
        table = conversation_rows.CHANGES if lane == conversation_rows.LANE else message_rows.ROWS
        rows = await self._documents.find(
            self._place(table), lane, [conversation_id], low=beyond + 1, high=upto + 1, limit=limit, reverse=reverse
        )
        return [_change(row) if lane == conversation_rows.LANE else _message(row, lane) for row in rows]

    async def user_heads(self, keys: Iterable[str]) -> dict[str, int]:
        """Return the heads of the lanes of these users (`inbox.key_of`), 0 for an empty lane. Raises `Unavailable`."""
        await self.trust.wait_until_trusted()
        life = self.life
        found = dict.fromkeys(keys, 0)
        ids = list(found)
        for start in range(0, len(ids), HEADS_BATCH_SIZE):
            rows = await self._documents.get(self._place(inbox_rows.HEADS), ids[start : start + HEADS_BATCH_SIZE])
            found |= {key: row[USER]["n"] for key, row in rows.items()}
        self._require(life)
        return found

    async def user_page(self, key: str, beyond: int, upto: int, limit: int) -> UserLanePage:
        """Return a user's lane with `beyond` < n <= `upto`, or the first part of it: up to `limit` rows of either kind
        are read. Raises `Unavailable`.

        A conversation that has changed since has its newer, higher number; hidden messages are always included.
        """
        await self.trust.wait_until_trusted()
        rows = await self._user_rows(inbox_rows.ROWS, key, beyond, upto, limit)
        acts = await self._user_rows(inbox_rows.ACTS, key, beyond, upto, limit)
        hiding = {row[actions.FACET]["n"]: row for row in acts if actions.hides(row)}
        about = await self._documents.get(self._place(inbox_rows.ROWS), {_row_of(act) for act in hiding.values()})
        views = {row[inbox_rows.FACET]["n"]: inbox_rows.view(row) for row in rows}
        views |= {n: inbox_rows.view(about[_row_of(act)], actions.hides(act)) for n, act in hiding.items()}
        ends = [rows[-1][inbox_rows.FACET]["n"]] if len(rows) == limit else []
        ends += [acts[-1][actions.FACET]["n"]] if len(acts) == limit else []
        reached = min(ends, default=upto)
        page = [(n, frames.push(frames.PUSH_OF_USER, views[n], USER, n)) for n in sorted(views) if n <= reached]
        return UserLanePage(page, reached, len(rows) + len(acts))

    async def _user_rows(self, table: Table, key: str, beyond: int, upto: int, limit: int) -> Sequence[Row]:
        """Return rows or acts of a user, by number."""
        index = table.indexes[0].name
        return await self._documents.find(self._place(table), index, [key], low=beyond + 1, high=upto + 1, limit=limit)

    def _place(self, table: Table) -> TableGeneration:
        return TableGeneration(table, self._generations.live(table.model))


def _row_of(act: Row) -> str:
    """Return the id of the row that an act is about."""
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
    frame = frames.push(frames.PUSH_OF_LANE[lane], reactions.push_view(lane, view), lane, n, correlation_id)
    return LaneRow(n, view.seq, sent.get("conversation_n", 0), frame, row)
