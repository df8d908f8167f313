"""Folds search documents: a message's three content facets, without numbers, so that search needs no other model."""

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
"""The entries of the search index, for comparing them like rows; this table is in no store."""
OFFSET_BITS: Final = 20
LATEST_MS: Final = (1 << 42) - 1
"""A time in the year 2109."""


def fold(facts: Sequence[Fact], rows: Mapping[str, Row]) -> list[Write]:
    """Return the facets after these facts; repeats change nothing."""
    found: dict[str, dict[str, Any]] = {key: dict(row) for key, row in rows.items()}
    changed: dict[str, set[str]] = {}
    for fact in facts:
        key, lane = message_rows.row_id(fact), message_rows.CONTENT_LANE_OF[fact.topic]
        fixed = {"tenant": fact.envelope.tenant, "conversation_id": fact.envelope.subject}
        row = found.setdefault(key, dict(fixed))
        if message_rows.find_event(row.get(lane), lane, fact.envelope.id) is None:
            bare = _without_unsearched(fact)
            row[lane] = (
                message_rows.sent_facet(bare, 0)
                if lane == "sent"
                else message_rows.added_version(row.get(lane), bare, 0)
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


def _without_unsearched(fact: Fact) -> Fact:
    """Return the fact without fields that are never searched and need no second copy."""
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
    """Return the index entry of a row; None while its `sent` has not been read.

    Its version is the sum of the facets' positions: it grows with each of them, and is the same for every reader of
    the same facets.
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
    """Return a message's sort key by age: the time set by its sender's node, then, in the same millisecond, its offset
    in its partition.
    """
    try:
        ms = int(datetime.fromisoformat(at).timestamp() * 1000)
    except (ValueError, OverflowError):
        ms = 0
    return min(max(ms, 0), LATEST_MS) << OFFSET_BITS | offset & (1 << OFFSET_BITS) - 1


class WithIndex:
    """Reads the rows of the documents and, as the table `INDEX`, the entries of the search index, so that an entry is
    compared like a facet whose position is its version. Raises `Unavailable` if the index is not complete.
    """

    def __init__(self, documents: Documents, index: SearchIndex) -> None:
        self._documents = documents
        self._index = index

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        """Return the rows with these ids that exist."""
        if place.table != INDEX:
            return await self._documents.get(place, ids)
        entries = await self._index.entries(place.generation, ids)
        return {key: _row(entry) for key, entry in entries.items()}

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        """Return the next rows by `_id`."""
        if place.table != INDEX:
            return await self._documents.scan(place, after=after, limit=limit)
        if not after:
            await self._index.refresh(place.generation)
        return [_row(entry) for entry in await self._index.scan(place.generation, after=after, limit=limit)]


def _row(entry: Entry) -> Row:
    where = {"tenant": entry.tenant, "conversation_id": entry.conversation_id}
    said = {"pos": entry.version, "text": entry.text, "sender": entry.sender, "order": entry.order}
    return {"_id": entry.message_id, **where, "entry": said | {"offset": entry.offset}}
