"""How rows lie in MongoDB: a facet is a subdocument with `pos` first, so that `$max` keeps the newer as a whole."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.int64 import Int64
from pymongo import UpdateOne

from core.ports.documents import Base, Checkpoint, Facet, Fingerprint, Index, Row, TableGeneration, Write
from schemas.topics import Partition

LOWEST: Final = Int64(-(1 << 63))


class _Plain(TypeDecoder):
    """Int64 comes back as int: encoders of JSON refuse its class."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int:
        return int(value)


CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(type_registry=TypeRegistry([_Plain()]))


def field_of(name: str) -> str:
    """A facet's name as a field: dots and dollars mean something to MongoDB, user ids may have them."""
    return name.replace("%", "%25").replace(".", "%2E").replace("$", "%24")


def collection_of(place: TableGeneration) -> str:
    """The collection of a table in a generation."""
    return f"{place.table.model}.{place.table.name}.g{place.generation}"


def document_of(write: Write) -> dict[str, Any]:
    """The whole row, to insert."""
    return {"_id": write.id, **write.fixed, **{field_of(name): _facet(facet) for name, facet in write.facets.items()}}


def update_of(write: Write) -> UpdateOne:
    """The same as an upsert that keeps what is newer."""
    change: dict[str, Any] = {}
    if write.facets:
        change["$max"] = {field_of(name): _facet(facet) for name, facet in write.facets.items()}
    if write.fixed:
        change["$set"] = dict(write.fixed)
    return UpdateOne({"_id": write.id}, change or {"$setOnInsert": {"_id": write.id}}, upsert=True)


def _facet(facet: Facet) -> dict[str, Any]:
    # Of one type everywhere: BSON would take int32 for small numbers.
    return {**facet, "pos": Int64(facet["pos"])}


def row_of(document: Mapping[str, Any]) -> Row:
    """The row that a document holds."""
    return {unquote(name) if "%" in name else name: value for name, value in document.items()}


def rows_of(documents: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Rows in the order of the documents."""
    return [row_of(document) for document in documents]


def keys_of(index: Index) -> list[tuple[str, int]]:
    """What MongoDB indexes."""
    return [(field, 1) for field in (*index.equals, index.order or "_id")]


def options_of(index: Index) -> dict[str, Any]:
    """How MongoDB keeps it: without the rows that it could not find."""
    needed = {field: {"$exists": True} for field in index.sparse}
    return {"name": index.name, **({"partialFilterExpression": needed} if needed else {})}


def filter_of(index: Index, equals: Sequence[str], low: int | None, high: int | None, after: str | None) -> Any:
    """The query for a range of an index. Numbers compare with numbers only: rows without the field are not found."""
    found: dict[str, Any] = dict(zip(index.equals, equals, strict=True))
    if index.order is not None:
        found[index.order] = {"$gte": LOWEST if low is None else Int64(low)}
        if high is not None:
            found[index.order]["$lt"] = Int64(high)
    if after is not None:
        found["_id"] = {"$gt": after}
    return found


def order_of(index: Index, reverse: bool) -> list[tuple[str, int]]:
    """The sort of an index."""
    way = -1 if reverse else 1
    return [("_id", way)] if index.order is None else [(index.order, way), ("_id", way)]


def checkpoint_id(processor: str, generation: int) -> str:
    """The document that holds a processor's checkpoints of one generation."""
    return f"{processor}/{generation}"


def checkpoint_change(checkpoint: Checkpoint) -> dict[str, Any]:
    """All positions in one atomic update; none goes back, and each takes its digest along."""
    positions = checkpoint.positions
    change: dict[str, Any] = {f"at.{_partition_field(at)}": Int64(position) for at, position in positions.items()}
    for at, digest in checkpoint.digests.items():
        change[f"last.{_partition_field(at)}"] = {"pos": Int64(positions[at]), "digest": digest}
    return {"$max": change}


def checkpoint_filter(base: Base) -> dict[str, Any]:
    """Finds the checkpoint document of `base` where it stands there or beyond."""
    wanted = {f"at.{_partition_field(at)}": {"$gte": Int64(position)} for at, position in base.positions.items()}
    return {"_id": checkpoint_id(base.processor, base.generation), **wanted}


def _partition_field(at: Partition) -> str:
    return f"{field_of(at.topic)}:{at.number}"


def _partition_of(name: str) -> Partition:
    topic, _, number = name.rpartition(":")
    return Partition(unquote(topic), int(number))


def positions_of(document: Mapping[str, Any] | None) -> dict[Partition, int]:
    """The positions in a checkpoint document."""
    return {_partition_of(name): position for name, position in ((document or {}).get("at") or {}).items()}


def fingerprints_of(document: Mapping[str, Any] | None) -> dict[Partition, Fingerprint]:
    """The last records in a checkpoint document."""
    known = ((document or {}).get("last") or {}).items()
    return {_partition_of(name): Fingerprint(last["pos"], last["digest"]) for name, last in known}
