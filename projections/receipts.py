"""Receipts: per conversation, user and device the last message that reached a stage; they only grow.

Row `{conversation_id}:{user_id}:{device}`, one facet per stage: `{pos, seq}`. `persisted` is kept per sender, without
a device.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from core.ports.documents import Index, Row, Table, Write
from projections.facts import Fact
from schemas.events import MessageDelivered
from schemas.views import ReceiptView

MODEL: Final = "receipts"
ROWS: Final = Table(MODEL, "receipts", (Index("by_user", ("tenant", "user_id")),))


def row_id(fact: Fact) -> str | None:
    """The row that a fact is about; None when it says nothing readable."""
    event = fact.event
    return f"{event.conversation_id}:{event.sender}:" if isinstance(event, MessageDelivered) else None


def fold(facts: Sequence[Fact], rows: Mapping[str, Row]) -> list[Write]:
    """The facets after these facts; an older one changes nothing."""
    found: dict[str, dict[str, Any]] = {key: dict(row) for key, row in rows.items()}
    changed: dict[str, Write] = {}
    for fact in facts:
        key = row_id(fact)
        if key is None or not isinstance(event := fact.event, MessageDelivered):
            continue
        row = found.setdefault(key, {})
        before = row.get(event.stage, {"pos": -1, "seq": 0})
        if fact.position <= before["pos"]:
            continue
        row[event.stage] = {"pos": fact.position, "seq": max(before["seq"], event.seq)}
        fixed = {"tenant": event.tenant, "conversation_id": event.conversation_id, "user_id": event.sender}
        facets = {**(changed[key].facets if key in changed else {}), event.stage: row[event.stage]}
        changed[key] = Write(key, fixed, facets, exists=key in rows)
    return list(changed.values())


def view(event: MessageDelivered) -> ReceiptView:
    """What the sender is told."""
    return ReceiptView(
        conversation_id=event.conversation_id,
        message_id=event.message_id,
        seq=event.seq,
        stage=event.stage,
        lane=event.lane,
        applied=event.applied,
    )
