"""Builds the documents of an Elasticsearch index: entries, its state, and a checkpoint per partition; and its queries.

The server does not analyse text: it receives tokens and searches for tokens.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from core import search_text
from core.ports.search_index import Entry, Hit, OffsetRange, Positions, Query
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
"""The id of the document that holds whether the index is complete; message ids are UUIDs."""
COMPLETE: Final = "complete"
NEWEST: Final = (1 << 63) - 1
"""The order of the state: it is found before all entries, and one search returns both as of the same moment."""
MAX_EXACT_RANGES: Final = 200
"""Maximum number of partial ranges that a query limits by offsets: servers accept 1,024 clauses in all. For the
others the query has the whole conversation, and hits outside are dropped from the page.
"""
FIELDS: Final = ("message_id", "tenant", "conversation_id", "sender", "offset", "order")


class State(NamedTuple):
    """The token of an incomplete fill, empty if complete; and the sequence number of the document's write."""

    token: str
    seq_no: int
    primary_term: int


def state_document(token: str) -> dict[str, Any]:
    """Return the state document of a fill that has begun, or, if the token is empty, of a complete index."""
    return {"state": "filling" if token else COMPLETE, "order": NEWEST, "checkpoint": {"token": token}}


def state_of(document: Mapping[str, Any]) -> State:
    """Return the state in a document."""
    return State(document["_source"]["checkpoint"]["token"], document["_seq_no"], document["_primary_term"])


def checkpoint_id(at: Partition) -> str:
    """Return the id of a partition's checkpoint: one document each, since several processes may write one index."""
    return f"checkpoint {at.topic}/{at.number}"


def checkpoint_lines(until: Positions) -> Iterator[Mapping[str, Any]]:
    """Yield the bulk lines of checkpoints. The version is the position: a checkpoint never goes back."""
    for at, position in until.items():
        yield {"index": {"_id": checkpoint_id(at), "version": position, "version_type": "external_gte"}}
        yield {"checkpoint": {"position": position}}


def entry_lines(entries: Sequence[Entry]) -> Iterator[Mapping[str, Any]]:
    """Yield the bulk lines of entries. An entry without text stays as a document: its version rejects older ones."""
    for entry in entries:
        yield {"index": {"_id": entry.message_id, "version": entry.version, "version_type": "external_gte"}}
        fields = {name: getattr(entry, name) for name in FIELDS}
        searchable = {} if entry.text is None else {"text": entry.text, "tokens": search_text.tokens(entry.text)}
        yield fields | searchable


def query_body(query: Query, before: Hit | None) -> dict[str, Any]:
    """Return the server's query for the entries of `query`, and for the state of a complete index before them."""
    filters: list[dict[str, Any]] = [{"term": {"tenant": query.tenant}}, _one_of(_scopes(query.ranges))]
    filters += [{"term": {"tokens": token}} for token in query.tokens]
    if query.prefix is not None:
        filters.append({"prefix": {"tokens": query.prefix}})
    if query.sender is not None:
        filters.append({"term": {"sender": query.sender}})
    if before is not None:
        same = [{"term": {"order": before.order}}, {"range": {"message_id": {"lt": before.message_id}}}]
        filters.append(_one_of([{"range": {"order": {"lt": before.order}}}, {"bool": {"filter": same}}]))
    entries = [{"bool": {"filter": filters}}] if query.tokens or query.prefix else []
    return {"bool": {"filter": [_one_of([*entries, {"term": {"state": COMPLETE}}])]}}


def _scopes(ranges: Sequence[OffsetRange]) -> list[dict[str, Any]]:
    """Return the queries for the messages in these ranges; beyond the maximum, for their whole conversations."""
    parts = [one for one in ranges if not one.whole][:MAX_EXACT_RANGES]
    exact = {id(one) for one in parts}
    found: list[dict[str, Any]] = [
        {"terms": {"conversation_id": [one.conversation_id for one in ranges if id(one) not in exact]}}
    ]
    for part in parts:
        inside = [
            {"term": {"conversation_id": part.conversation_id}},
            {"range": {"offset": {"gte": part.first, "lte": part.last}}},
        ]
        found.append({"bool": {"filter": inside}})
    return found


def _one_of(queries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}


def entry_of(document: Mapping[str, Any]) -> Entry:
    """Return the entry in a document."""
    source = document["_source"]
    fields = {name: source[name] for name in FIELDS}
    return Entry(version=document["_version"], text=source.get("text"), **fields)
