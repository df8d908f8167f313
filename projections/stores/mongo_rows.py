"""Maps rows to MongoDB documents: a facet is a subdocument with `pos` first, so that `$max` keeps the newer whole."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.int64 import Int64
from pymongo import ReadPreference, UpdateOne, WriteConcern

from core.ports.documents import Base, Checkpoint, Facet, Fingerprint, Index, Row, TableGeneration, Write
from schemas.topics import Partition

LOWEST: Final = Int64(-(1 << 63))


class _Plain(TypeDecoder):
    """Decodes Int64 as int: JSON encoders reject its class."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int:
        return int(value)


CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(type_registry=TypeRegistry([_Plain()]))


def database_of(client: Any) -> Any:
    """Return the database that the client's URL names, with the options of every call. They are set here and not in the
    URL, so that a missing one cannot lose acknowledged writes.
    """
    return client.get_default_database("caas").with_options(
        codec_options=CODEC, read_preference=ReadPreference.PRIMARY, write_concern=WriteConcern("majority", j=True)
    )


def field_of(name: str) -> str:
    """Return a facet's name as a field name: user ids may contain dots and dollar signs, which MongoDB interprets."""
    return name.replace("%", "%25").replace(".", "%2E").replace("$", "%24")


def collection_of(place: TableGeneration) -> str:
    """Return the collection of a table in a generation."""
    return f"{place.table.model}.{place.table.name}.g{place.generation}"


def document_of(write: Write) -> dict[str, Any]:
    """Return the whole row, to insert."""
    return {"_id": write.id, **write.fixed, **{field_of(name): _facet(facet) for name, facet in write.facets.items()}}


def update_of(write: Write) -> UpdateOne:
    """Return an upsert of the row that keeps the newer facets."""
    change: dict[str, Any] = {}
    if write.facets:
        change["$max"] = {field_of(name): _facet(facet) for name, facet in write.facets.items()}
    if write.fixed:
        change["$set"] = dict(write.fixed)
    return UpdateOne({"_id": write.id}, change or {"$setOnInsert": {"_id": write.id}}, upsert=True)


def _facet(facet: Facet) -> dict[str, Any]:
    # One type everywhere: BSON would use int32 for small numbers.
    return {**facet, "pos": Int64(facet["pos"])}


def row_of(document: Mapping[str, Any]) -> Row:
    """Return the row in a document."""
    return {unquote(name) if "%" in name else name: value for name, value in document.items()}


def rows_of(documents: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return rows in the order of the documents."""
    return [row_of(document) for document in documents]


def keys_of(index: Index) -> list[tuple[str, int]]:
    """Return the keys of an index in MongoDB."""
    return [(field, 1) for field in (*index.equals, index.order or "_id")]


def options_of(index: Index) -> dict[str, Any]:
    """Return the options of an index in MongoDB: without rows that it could not find."""
    needed = {field: {"$exists": True} for field in index.sparse}
    return {"name": index.name, **({"partialFilterExpression": needed} if needed else {})}


def filter_of(index: Index, equals: Sequence[str], low: int | None, high: int | None, after: str | None) -> Any:
    """Return the query for a range of an index. Rows without the field are not found: numbers match only numbers."""
    found: dict[str, Any] = dict(zip(index.equals, equals, strict=True))
    if index.order is not None:
        found[index.order] = {"$gte": LOWEST if low is None else Int64(low)}
        if high is not None:
            found[index.order]["$lt"] = Int64(high)
    if after is not None:
        found["_id"] = {"$gt": after}
    return found


def order_of(index: Index, reverse: bool) -> list[tuple[str, int]]:
    """Return the sort order of an index."""
    direction = -1 if reverse else 1
    return [("_id", direction)] if index.order is None else [(index.order, direction), ("_id", direction)]


def checkpoint_id(processor: str, generation: int) -> str:
    """Return the id of the document with a processor's checkpoints of one generation."""
    return f"{processor}/{generation}"


def checkpoint_change(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return all positions as one atomic update; none goes back, and each has its digest with it."""
    positions = checkpoint.positions
    change: dict[str, Any] = {f"at.{_partition_field(at)}": Int64(position) for at, position in positions.items()}
    for at, digest in checkpoint.digests.items():
        change[f"last.{_partition_field(at)}"] = {"pos": Int64(positions[at]), "digest": digest}
    return {"$max": change}


def checkpoint_filter(base: Base) -> dict[str, Any]:
    """Return a filter for the checkpoint document of `base`, if it is there or beyond."""
    wanted = {f"at.{_partition_field(at)}": {"$gte": Int64(position)} for at, position in base.positions.items()}
    return {"_id": checkpoint_id(base.processor, base.generation), **wanted}


def _partition_field(at: Partition) -> str:
    return f"{field_of(at.topic)}:{at.number}"


def _partition_of(name: str) -> Partition:
    topic, _, number = name.rpartition(":")
    return Partition(unquote(topic), int(number))


def positions_of(document: Mapping[str, Any] | None) -> dict[Partition, int]:
    """Return the positions in a checkpoint document."""
    return {_partition_of(name): position for name, position in ((document or {}).get("at") or {}).items()}


def fingerprints_of(document: Mapping[str, Any] | None) -> dict[Partition, Fingerprint]:
    """Return the last records in a checkpoint document."""
    known = ((document or {}).get("last") or {}).items()
    return {_partition_of(name): Fingerprint(last["pos"], last["digest"]) for name, last in known}
