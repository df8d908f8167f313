"""What the read models say of a conversation's lanes: heads, and rows as the frames that a push would have been."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from core.ports.documents import Documents, Place, Row
from projections import changes, conversations, messages, reactions
from projections.generations import Generations
from schemas import frames
from schemas.frames import LANES

Heads = dict[str, int]
"""Lane → the number of its last record, 0 when it has none; all lanes are there."""

HEADS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Told:
    """What one row says in a lane. `frame` is empty where nobody is told: its message has not been read.

    `seq` is the message's, `conversation_n` how new the view must be that decides who reads it.
    """

    n: int
    seq: int
    conversation_n: int
    frame: bytes
    row: Row


class Lanes:
    """Reads the live generations. Read heads before rows: a head proves that the rows up to it can be seen."""

    def __init__(self, documents: Documents, generations: Generations) -> None:
        self._documents = documents
        self._generations = generations

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

    async def heads(self, conversation_ids: Iterable[str]) -> dict[str, Heads]:
        """The heads of each of these conversations. Raises `Unavailable`."""
        ids = list(conversation_ids)
        found: dict[str, Heads] = {key: dict.fromkeys(LANES, 0) for key in ids}
        for start in range(0, len(ids), HEADS_AT_ONCE):
            some = ids[start : start + HEADS_AT_ONCE]
            for table in (messages.HEADS, conversations.HEADS):
                place = Place(table, self._generations.live(table.model))
                for key, row in (await self._documents.get(place, some)).items():
                    found[key] |= {lane: row[lane]["n"] for lane in LANES if lane in row}
        return found

    async def told(
        self, conversation_id: str, lane: str, beyond: int, upto: int, limit: int, *, reverse: bool = False
    ) -> Sequence[Told]:
        """Rows of a lane with `beyond` < n <= `upto`, in its order. Raises `Unavailable`.

        A row whose facet moved on since is told at its newer number, later; so numbers may be missing.
        """
        table = conversations.CHANGES if lane == conversations.LANE else messages.ROWS
        place = Place(table, self._generations.live(table.model))
        rows = await self._documents.find(
            place, lane, [conversation_id], low=beyond + 1, high=upto + 1, limit=limit, reverse=reverse
        )
        return [_change(row) if lane == conversations.LANE else _message(row, lane) for row in rows]


def _change(row: Row) -> Told:
    view = changes.change_view(row)
    n: int = row["change"]["n"]
    frame = frames.push(frames.PUSH_OF_LANE[conversations.LANE], view, conversations.LANE, n)
    return Told(n, 0, n, frame, row)


def _message(row: Row, lane: str) -> Told:
    n: int = row[lane]["n"]
    view = messages.view(row)
    if view is None:
        return Told(n, 0, 0, b"", row)
    sent = row["sent"]
    correlation_id = sent["correlation_id"] if lane == "sent" else ""
    frame = frames.push(frames.PUSH_OF_LANE[lane], reactions.pushed(lane, view), lane, n, correlation_id)
    return Told(n, view.seq, sent.get("conversation_n", 0), frame, row)
