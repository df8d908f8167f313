"""Folds audit records: one row each, numbered in their tenant in the order of the log.

The row's id is the record's. Facet `log`: `{pos, n, time, recorded_ms, record}`, `record` as `record_of` gives it.
`time` sorts by when it happened and then by number: milliseconds since 1970 times a million, and the number's last six
digits. A record whose id has a row is a repeat, and changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from core.ports.documents import Index, Row, Table, Write
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
    ),
)
HEADS: Final = Table(MODEL, "heads")
NUMBERS_OF_A_MS: Final = 1_000_000
UNREADABLE: Final = "unreadable"


@dataclass(frozen=True, slots=True)
class Folded:
    """The rows and heads to save."""

    rows: Sequence[Write]
    heads: Sequence[Write]


def fold(facts: Sequence[Fact], rows: Mapping[str, Row], heads: LaneCounter) -> Folded:
    """Number the facts and return their rows, from the rows and heads before them. Deterministic; repeats change
    nothing.
    """
    found: dict[str, Row] = dict(rows)
    writes: dict[str, Write] = {}
    for fact in facts:
        key, tenant = fact.envelope.id, fact.envelope.tenant
        known = facet_of(found.get(key), LANE)
        if known is not None and known["pos"] < fact.position:
            continue
        n = heads.number(tenant, LANE, fact.position, None if known is None else known["n"])
        if known is None:
            writes[key] = write = _write(fact, n)
            found[key] = {"_id": key, **write.fixed, **write.facets}
    moved = [Write(tenant, {"tenant": tenant}, lanes) for tenant, lanes in heads.moved.items()]
    return Folded(list(writes.values()), moved)


def record_of(fact: Fact) -> dict[str, Any]:
    """Return an audit record as clients get it; of one that cannot be read what its headers say."""
    envelope = fact.envelope
    event = fact.event if isinstance(fact.event, AuditRecorded) else _unreadable(envelope)
    return {
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
    """Return an RFC 3339 time as milliseconds since 1970, 0 where the text is none or of a year before it."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return max(0, round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000))


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
    }
    return Write(fact.envelope.id, fixed, {LANE: facet})
