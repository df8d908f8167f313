"""Folds audit records: one row each, numbered in their tenant in the order of the log.

The row's id is the record's. Facet `log`: `{pos, n, time, recorded_ms, record, leaf}`, `record` as `record_of` gives
it, `leaf` the hash of its canonical JSON in hex. `time` sorts by when it happened and then by number: milliseconds
since 1970 times a million, and the number's last six digits. A record whose id has a row is a repeat, and changes
nothing. The row `{record}:{user}` of the table of subjects has `{pos, n, time, id}` of a record, for each other user
that it was done to.

The record with number `n` is leaf `n - 1` of its tenant's Merkle tree (`core.audit.merkle`). The head has, beside `pos`
and `n`, the tree's `peaks` in hex. Facet `tile` of `{tenant}:{level}:{index}`: `{pos, hashes}`, the hashes of a tile
(`core.audit.tiles`) in base64, its position that of the last record below it; of level 0 there are full ones alone.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from core.audit.canonical import canonical
from core.audit.merkle import HASH_BYTES, Frontier, leaf_hash
from core.audit.tiles import HEIGHT, WIDTH, Tile, grow, grown_tiles, tile_width
from core.ports.documents import Facet, Index, Row, Table, Write
from projections.facts import Fact, LaneCounter, facet_of
from schemas.envelope import Envelope
from schemas.events import AuditRecorded

MODEL: Final = "audit"
LANE: Final = "log"
FIELDS: Final = ("actor", "action", "outcome", "entity", "conversation_id", "correlation_id")
"""The fields that records are found by, each an index of its name."""
TIME: Final = f"{LANE}.time"
ROWS: Final = Table(
    MODEL,
    "records",
    (
        Index("number", ("tenant",), f"{LANE}.n"),
        Index("all", ("tenant",), TIME),
        *(Index(name, ("tenant", name), TIME) for name in FIELDS),
        Index("actor_action", ("tenant", "actor", "action"), TIME),
        Index("action_outcome", ("tenant", "action", "outcome"), TIME),
    ),
)
HEADS: Final = Table(MODEL, "heads")
TILES: Final = Table(MODEL, "tiles")
SUBJECTS: Final = Table(MODEL, "subjects", (Index("subject", ("tenant", "subject"), TIME),))
TILE: Final = "tile"
NUMBERS_OF_A_MS: Final = 1_000_000
MAX_MS: Final = 2**63 // NUMBERS_OF_A_MS - 1
"""The last place in the order of time, in the year 2262: stores have no integers above 64 bits."""
UNREADABLE: Final = "unreadable"
ADDED: Final = ("classification", "before", "after", "reported_by")
"""The fields that records have since they have been written: a record without them has the hash that it always had."""


@dataclass(slots=True)
class Growth:
    """What a batch adds to the tree of a tenant: the tree before it; rows, positions and hashes of the new leaves."""

    before: Frontier
    records: list[Row] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The number of leaves after it."""
        return self.before.size + len(self.leaves)

    @property
    def full(self) -> int:
        """The number of leaves after it that are in full tiles of level 0."""
        return self.size // WIDTH * WIDTH

    @property
    def fills_tile(self) -> bool:
        """Whether it fills a tile of level 0: until then no tile changes that is saved."""
        return self.full > self.before.size


@dataclass(frozen=True, slots=True)
class Folded:
    """The rows of records and of their subjects and the heads to save, and by tenant what was added to its tree."""

    rows: Sequence[Write]
    subjects: Sequence[Write]
    heads: Sequence[Write]
    grown: Mapping[str, Growth]


def fold(facts: Sequence[Fact], rows: Mapping[str, Row], heads: LaneCounter) -> Folded:
    """Number the facts and return their rows, from the rows and heads before them. Deterministic; repeats change
    nothing.
    """
    found: dict[str, Row] = dict(rows)
    writes: dict[str, Write] = {}
    subjects: list[Write] = []
    grown: dict[str, Growth] = {}
    for fact in facts:
        key, tenant = fact.envelope.id, fact.envelope.tenant
        known = facet_of(found.get(key), LANE)
        if known is not None and known["pos"] < fact.position:
            continue
        covered = heads.covers(tenant, LANE, fact.position)
        growth = grown.get(tenant) or Growth(frontier_of(heads.facet(tenant, LANE)))
        n = heads.number(tenant, LANE, fact.position, None if known is None else known["n"])
        if known is None:
            writes[key] = write = _write(fact, n)
            found[key] = {"_id": key, **write.fixed, **write.facets}
        subjects += _subjects(found[key])
        if not covered:
            growth.records.append(found[key])
            growth.positions.append(fact.position)
            growth.leaves.append(bytes.fromhex(found[key][LANE]["leaf"]))
            grown[tenant] = growth
    moved = [_head(tenant, lanes[LANE], grown[tenant]) for tenant, lanes in heads.moved.items()]
    return Folded(list(writes.values()), subjects, moved, grown)


def frontier_of(head: Facet) -> Frontier:
    """Return the tree of a head, the empty one of none."""
    return Frontier.from_json({"size": head.get("n", 0), "peaks": head.get("peaks", [])})


def _head(tenant: str, facet: Facet, growth: Growth) -> Write:
    peaks = growth.before.extend(growth.leaves).to_json()["peaks"]
    return Write(tenant, {"tenant": tenant}, {LANE: {**facet, "peaks": peaks}})


def tile_id(tenant: str, tile: Tile) -> str:
    """Return the id of a tile's row."""
    return f"{tenant}:{tile.level}:{tile.index}"


def needed_tiles(growth: Growth) -> list[Tile]:
    """Return the tiles that a growth adds to and that have hashes already."""
    before = growth.before.size
    return [tile for tile in grown_tiles(before, growth.size) if tile_width(tile, before)]


def tile_writes(tenant: str, growth: Growth, stored: Mapping[Tile, bytes]) -> list[Write]:
    """Return the rows of the tiles after a growth; `stored` has the contents of `needed_tiles`."""
    before = growth.before.size
    contents = grow(before, growth.leaves, stored)
    return [
        Write(tile_id(tenant, tile), {"tenant": tenant}, {TILE: _tile_facet(tile, content, growth)})
        for tile, content in contents.items()
        if tile.level or len(content) == WIDTH * HASH_BYTES
    ]


def _tile_facet(tile: Tile, content: bytes, growth: Growth) -> Facet:
    last = (WIDTH * tile.index + len(content) // HASH_BYTES) << HEIGHT * tile.level
    position = growth.positions[last - growth.before.size - 1]
    return {"pos": position, "hashes": base64.b64encode(content).decode()}


def content_of(row: Row | None) -> bytes:
    """Return the hashes in the row of a tile, nothing if there is none."""
    return b"" if row is None else base64.b64decode(row[TILE]["hashes"])


def record_of(fact: Fact) -> dict[str, Any]:
    """Return an audit record as clients get it; of one that cannot be read what its headers say."""
    envelope = fact.envelope
    event = fact.event if isinstance(fact.event, AuditRecorded) else _unreadable(envelope)
    added = {name: value for name in ADDED if (value := getattr(event, name)) is not None}
    return added | {
        "id": envelope.id,
        "occurred_at": event.at,
        "actor": {
            "type": event.actor_type,
            "id": event.actor,
            "session": event.session,
            "device": event.device,
            "address": event.address,
            "agent": event.agent,
        },
        "action": event.action,
        "entity": {
            "type": event.entity_type,
            "id": event.entity_id,
            "conversation_id": event.conversation_id,
            "tenant": event.tenant,
        },
        "outcome": event.outcome,
        "reason": event.reason,
        "purpose": event.purpose,
        "subjects": event.subjects or [],
        "count": event.count,
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.causation_id or None,
    }


def _unreadable(envelope: Envelope) -> AuditRecorded:
    return AuditRecorded(
        tenant=envelope.tenant,
        at=envelope.time,
        actor=envelope.actor,
        action=UNREADABLE,
        entity_type="event",
        entity_id=envelope.causation_id,
        outcome="success",
        reason=UNREADABLE,
    )


def entity_of(entity_type: str, entity_id: str) -> str:
    """Return the field `entity` of what a record is about, such as `message:ID`."""
    return f"{entity_type}:{entity_id}"


def time_of(occurred_at: str, n: int) -> int:
    """Return the place of a record in the order of time; what is no time is 1970."""
    return ms_of(occurred_at) * NUMBERS_OF_A_MS + n % NUMBERS_OF_A_MS


def ms_of(text: str) -> int:
    """Return an RFC 3339 time as milliseconds since 1970: 0 where the text is none or of a year before it, at most
    `MAX_MS`.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return ms_at(found if found.tzinfo else found.replace(tzinfo=UTC))


def ms_at(time: datetime) -> int:
    """Return a time as milliseconds since 1970, between 0 and `MAX_MS`."""
    return min(max(0, round(time.timestamp() * 1000)), MAX_MS)


def _write(fact: Fact, n: int) -> Write:
    record = record_of(fact)
    entity = record["entity"]
    fixed = {
        "tenant": fact.envelope.tenant,
        "actor": record["actor"]["id"],
        "action": record["action"],
        "outcome": record["outcome"],
        "entity": entity_of(entity["type"], entity["id"]),
        "conversation_id": entity["conversation_id"] or "",
        "correlation_id": record["correlation_id"],
    }
    facet = {
        "pos": fact.position,
        "n": n,
        "time": time_of(record["occurred_at"], n),
        "recorded_ms": fact.recorded_ms,
        "record": record,
        "leaf": leaf_hash(canonical(record)).hex(),
    }
    return Write(fact.envelope.id, fixed, {LANE: facet})


def _subjects(row: Row) -> list[Write]:
    """Return the rows of the other users that a record says something was done to."""
    facet, key = row[LANE], row["_id"]
    place = {name: facet[name] for name in ("pos", "n", "time")} | {"id": key}
    return [
        Write(f"{key}:{user}", {"tenant": row["tenant"], "subject": user}, {LANE: place})
        for user in dict.fromkeys(facet["record"]["subjects"])
        if user != row["actor"]
    ]
