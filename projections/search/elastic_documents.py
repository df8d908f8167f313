"""The documents of an index on Elasticsearch: entries, and beside them its state and a checkpoint per partition."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from core.ports.search_index import Entry, Positions
from schemas.topics import Partition

MAPPINGS: Final = {
    "dynamic": "strict",
    "properties": {
        "message_id": {"type": "keyword"},
        "tenant": {"type": "keyword"},
        "conversation_id": {"type": "keyword"},
        "text": {"type": "text", "analyzer": "standard"},
        "state": {"type": "keyword"},
        "checkpoint": {"type": "object", "enabled": False},
    },
}
STATE: Final = "state"
"""The id of the document that says whether the index is complete; messages have UUIDs."""
COMPLETE: Final = "complete"
IS_COMPLETE: Final = {"constant_score": {"filter": {"term": {"state": COMPLETE}}, "boost": 1e9}}
"""Finds the state of a complete index, before every entry: a search sees both as they were at the same moment."""


class State(NamedTuple):
    """The token of the fill that is not complete, empty where it is; and which write of the document this was."""

    token: str
    seq_no: int
    primary_term: int


def state_document(token: str) -> dict[str, Any]:
    """Of a fill that has begun, or of a complete index where the token is empty."""
    return {"state": "filling" if token else COMPLETE, "checkpoint": {"token": token}}


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
        ids = {"message_id": entry.message_id, "tenant": entry.tenant, "conversation_id": entry.conversation_id}
        yield ids if entry.text is None else {**ids, "text": entry.text}


def entry_of(document: Mapping[str, Any]) -> Entry:
    """The entry that a document was made of."""
    source = document["_source"]
    return Entry(
        message_id=source["message_id"],
        version=document["_version"],
        tenant=source["tenant"],
        conversation_id=source["conversation_id"],
        text=source.get("text"),
    )
