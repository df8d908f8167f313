"""The documents of an index on Elasticsearch: entries, and beside them its state and a checkpoint per partition.

The server takes no text apart: it gets tokens, and looks for tokens.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from core import search_text
from core.ports.search_index import Entry, Hit, Positions, Query, Stay
from schemas.topics import Partition

MAPPINGS: Final = {
    "dynamic": "strict",
    "_source": {"excludes": ["tokens"]},
    "properties": {
        "message_id": {"type": "keyword"},
        "tenant": {"type": "keyword"},
        "conversation_id": {"type": "keyword"},
        "sender": {"type": "keyword"},
        "offset": {"type": "long"},
        "order": {"type": "long"},
        "text": {"type": "text", "index": False},
        "tokens": {"type": "keyword", "doc_values": False},
        "state": {"type": "keyword"},
        "checkpoint": {"type": "object", "enabled": False},
    },
}
STATE: Final = "state"
"""The id of the document that says whether the index is complete; messages have UUIDs."""
COMPLETE: Final = "complete"
NEWEST: Final = (1 << 63) - 1
"""The order of the state: it is found before every entry, and a search sees both as they were at the same moment."""
EXACT: Final = 200
"""So many stays that are not whole conversations the server is asked for by their offsets: it takes 1,024 clauses in
all, and of the others what lies outside is left out of the page.
"""
FIELDS: Final = ("message_id", "tenant", "conversation_id", "sender", "offset", "order")


class State(NamedTuple):
    """The token of the fill that is not complete, empty where it is; and which write of the document this was."""

    token: str
    seq_no: int
    primary_term: int


def state_document(token: str) -> dict[str, Any]:
    """Of a fill that has begun, or of a complete index where the token is empty."""
    return {"state": "filling" if token else COMPLETE, "order": NEWEST, "checkpoint": {"token": token}}


def state_of(document: Mapping[str, Any]) -> State:
    """As it was read."""
    return State(document["_source"]["checkpoint"]["token"], document["_seq_no"], document["_primary_term"])


def checkpoint_id(at: Partition) -> str:
    """A partition's checkpoint is a document of its own: several processes may write one index."""
    return f"checkpoint {at.topic}/{at.number}"


def checkpoint_lines(until: Positions) -> Iterator[Mapping[str, Any]]:
    """Bulk lines. The version is the position: a checkpoint never goes back."""
    for at, position in until.items():
        yield {"index": {"_id": checkpoint_id(at), "version": position, "version_type": "external_gte"}}
        yield {"checkpoint": {"position": position}}


def entry_lines(entries: Sequence[Entry]) -> Iterator[Mapping[str, Any]]:
    """Bulk lines. An entry without text stays as a document without text: its version keeps older ones out."""
    for entry in entries:
        yield {"index": {"_id": entry.message_id, "version": entry.version, "version_type": "external_gte"}}
        fields = {name: getattr(entry, name) for name in FIELDS}
        said = {} if entry.text is None else {"text": entry.text, "tokens": search_text.tokens(entry.text)}
        yield fields | said


def searched(query: Query, before: Hit | None) -> dict[str, Any]:
    """What finds the entries of a query, and the state of a complete index before them."""
    wanted: list[dict[str, Any]] = [{"term": {"tenant": query.tenant}}, _one_of(_scopes(query.stays))]
    wanted += [{"term": {"tokens": token}} for token in query.tokens]
    if query.prefix is not None:
        wanted.append({"prefix": {"tokens": query.prefix}})
    if query.sender is not None:
        wanted.append({"term": {"sender": query.sender}})
    if before is not None:
        same = [{"term": {"order": before.order}}, {"range": {"message_id": {"lt": before.message_id}}}]
        wanted.append(_one_of([{"range": {"order": {"lt": before.order}}}, {"bool": {"filter": same}}]))
    entries = [{"bool": {"filter": wanted}}] if query.tokens or query.prefix else []
    return {"bool": {"filter": [_one_of([*entries, {"term": {"state": COMPLETE}}])]}}


def _scopes(stays: Sequence[Stay]) -> list[dict[str, Any]]:
    """What finds the messages of these stays; beyond the first ones whole conversations stand for their stays."""
    parts = [stay for stay in stays if not stay.whole][:EXACT]
    taken = {id(stay) for stay in parts}
    found: list[dict[str, Any]] = [
        {"terms": {"conversation_id": [stay.conversation_id for stay in stays if id(stay) not in taken]}}
    ]
    for stay in parts:
        there = [
            {"term": {"conversation_id": stay.conversation_id}},
            {"range": {"offset": {"gte": stay.first, "lte": stay.last}}},
        ]
        found.append({"bool": {"filter": there}})
    return found


def _one_of(queries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}


def entry_of(document: Mapping[str, Any]) -> Entry:
    """The entry that a document was made of."""
    source = document["_source"]
    fields = {name: source[name] for name in FIELDS}
    return Entry(version=document["_version"], text=source.get("text"), **fields)
