"""Search documents: the message's own three facets, kept without numbers, so that search depends on nobody else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from msgspec import structs

from core.domain import message
from core.ports.documents import Documents, Row, Table, TableGeneration, Write
from core.ports.search_index import Entry, SearchIndex
from core.positions import offset_of
from projections.facts import Fact
from projections.messages import message_rows
from schemas.events import MessageEdited, MessageSent

MODEL: Final = "search"
ROWS: Final = Table(MODEL, "search_docs")
INDEX: Final = Table(MODEL, "index")
"""The entries of the search index, where they are compared as rows are; it lies in no store."""
OFFSET_BITS: Final = 20
LATEST_MS: Final = (1 << 42) - 1
"""In the year 2109."""


def fold(facts: Sequence[Fact], rows: Mapping[str, Row]) -> list[Write]:
    """The facets after these facts; repeats change nothing."""
    found: dict[str, dict[str, Any]] = {key: dict(row) for key, row in rows.items()}
    changed: dict[str, set[str]] = {}
    for fact in facts:
        key, lane = message_rows.row_id(fact), message_rows.CONTENT_LANE_OF[fact.topic]
        fixed = {"tenant": fact.envelope.tenant, "conversation_id": fact.envelope.subject}
        row = found.setdefault(key, dict(fixed))
        if message_rows.told_in(row.get(lane), lane, fact.envelope.id) is None:
            said = _text_alone(fact)
            row[lane] = (
                message_rows.sent_facet(said, 0)
                if lane == "sent"
                else message_rows.added_version(row.get(lane), said, 0)
            )
            changed.setdefault(key, set()).add(lane)
    return [
        Write(
            key,
            {"tenant": found[key]["tenant"], "conversation_id": found[key]["conversation_id"]},
            {lane: found[key][lane] for lane in sorted(lanes)},
            exists=key in rows,
        )
        for key, lanes in changed.items()
    ]


def _text_alone(fact: Fact) -> Fact:
    """The fact without what is never searched, and need not lie here a second time."""
    match fact.event:
        case MessageSent() as event:
            bare: MessageSent | MessageEdited = structs.replace(
                event, mentions=[], attachments=[], ciphertext=None, metadata=None, forwarded_from=[], thread_root=None
            )
        case MessageEdited() as edit:
            bare = structs.replace(edit, mentions=[], ciphertext=None)
        case _:
            return fact
    return replace(fact, event=bare)


def entry(row: Row) -> Entry | None:
    """What shall be found of a row as it now is; None while its `sent` has not been read.

    Its version is the sum of the facets' positions: it grows with each of them, and two readers of the same facets
    give the same.
    """
    if "sent" not in row:
        return None
    state, offset = message_rows.state_of(row), offset_of(row["sent"]["pos"])
    return Entry(
        message_id=row["_id"],
        version=sum(row[lane]["pos"] for lane in message_rows.CONTENT_LANE_OF.values() if lane in row),
        tenant=row["tenant"],
        conversation_id=row["conversation_id"],
        text=(state.text or None) if isinstance(state, message.Live) else None,
        sender=row["sent"]["sender"],
        offset=offset,
        order=order_of(row["sent"]["at"], offset),
    )


def order_of(at: str, offset: int) -> int:
    """How new a message is among all: by the time that its sender's node gave it, and in the same millisecond by where
    it lies in its partition.
    """
    try:
        ms = int(datetime.fromisoformat(at).timestamp() * 1000)
    except (ValueError, OverflowError):
        ms = 0
    return min(max(ms, 0), LATEST_MS) << OFFSET_BITS | offset & (1 << OFFSET_BITS) - 1


class WithIndex:
    """Reads the rows of the documents and, as the table `INDEX`, the entries of the search index: what a message is
    found by is compared like any facet, its version being the position. Raises `Unavailable` where the index is not
    complete.
    """

    def __init__(self, documents: Documents, index: SearchIndex) -> None:
        self._documents = documents
        self._index = index

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        """The rows with these ids that exist."""
        if place.table != INDEX:
            return await self._documents.get(place, ids)
        entries = await self._index.entries(place.generation, ids)
        return {key: _row(entry) for key, entry in entries.items()}

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        """The next rows by `_id`."""
        if place.table != INDEX:
            return await self._documents.scan(place, after=after, limit=limit)
        if not after:
            await self._index.refresh(place.generation)
        return [_row(entry) for entry in await self._index.scan(place.generation, after=after, limit=limit)]


def _row(entry: Entry) -> Row:
    where = {"tenant": entry.tenant, "conversation_id": entry.conversation_id}
    said = {"pos": entry.version, "text": entry.text, "sender": entry.sender, "order": entry.order}
    return {"_id": entry.message_id, **where, "entry": said | {"offset": entry.offset}}
