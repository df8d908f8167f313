"""Small tables, rows and batches for tests of stores."""

from collections.abc import Mapping
from uuid import uuid4

from core.ports.documents import Changes, Checkpoint, Facet, Index, Row, Table, TableGeneration, Write
from core.positions import position
from schemas.topics import Partition

ROWS = Table(
    "contract",
    "rows",
    (
        Index("by_n", ("conversation_id",), "sent.n"),
        Index("by_edit", ("conversation_id",), "edited.n"),
        Index("by_position", ("conversation_id",), "sent.pos"),
        Index("by_depth", ("conversation_id",), "sent.deep.er.n"),
        Index("by_two", ("conversation_id", "sender"), "sent.n"),
        Index("by_sender", ("sender",)),
        Index("by_root", ("conversation_id", "sent.root"), "sent.n"),
        Index("by_tag", ("edited.deep.tag",)),
        Index("all_by_n", (), "sent.n"),
    ),
)
HEADS = Table("contract", "heads")
TABLES = (ROWS, HEADS)

INT64 = (1 << 63) - 1
FIRST = position(1, 0)
BIG = position(0x7FFE, (1 << 48) - 2)
"""A position that as a float equals its neighbour."""


def fresh(kind: str) -> str:
    return f"{kind}-{uuid4()}"


def write(row: str, facets: Mapping[str, Facet], **fixed: str) -> Write:
    return Write(row, fixed, facets)


def sent(row: str, n: int, **fixed: str) -> Write:
    return write(row, {"sent": {"pos": FIRST + n, "n": n}}, **{"conversation_id": "c", **fixed})


def rows(place: TableGeneration, *writes: Write) -> Changes:
    return Changes([(place, writes)], [])


def seen(found: list[Row]) -> list[str]:
    return [row["_id"] for row in found]


def stands(processor: str, generation: int, positions: Mapping[Partition, int]) -> Changes:
    return Changes([], [], Checkpoint(processor, generation, positions))
