"""Receipts: per conversation, user and device the last message that reached a stage; they only grow.

Row `{conversation_id}:{user_id}:{device}`, one facet per stage: `{pos, seq, was}`, `was` what `seq` was before the last
record. The row without a device is the user's: `persisted` of what they sent, `delivered` on any device, `read`.
All records of a conversation have its key, so each facet has one order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from core.ports.documents import Facet, Index, Row, Table, Write
from projections.facts import Fact
from schemas.events import MessageDelivered
from schemas.wire.views import CursorsView, CursorView, ReceiptView

MODEL: Final = "receipts"
REACHED: Final = ("delivered", "read")
"""The stages that somebody says of all up to a message; who has read one has got it."""
ROWS: Final = Table(
    MODEL,
    "receipts",
    (
        Index("by_user", ("tenant", "user_id")),
        *(Index(stage, ("conversation_id",), f"{stage}.seq") for stage in REACHED),
    ),
)


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch comes to: the facets to save, and by conversation the users whose cursors moved, as they now are."""

    writes: Sequence[Write]
    moved: Mapping[str, Mapping[str, CursorView]]


def row_id(conversation_id: str, user_id: str, device: str = "") -> str:
    """The row of a user, or of one device of theirs."""
    return f"{conversation_id}:{user_id}:{device}"


def row_ids(fact: Fact) -> list[str]:
    """The rows that a fact is about, the user's first; none when it says nothing readable."""
    match fact.event:
        case MessageDelivered() as event if user := user_of(event):
            devices = ("", event.device) if event.device else ("",)
            return [row_id(event.conversation_id, user, device) for device in devices]
        case _:
            return []


def user_of(event: MessageDelivered) -> str:
    """Whose rows it is about: of what is persisted the sender's, else theirs who say it."""
    return event.by if event.stage in REACHED else event.sender


def fold(facts: Sequence[Fact], rows: Mapping[str, Row]) -> Folded:
    """The facets after these facts; an older one changes nothing. The newest of a facet moves the cursor as far when it
    comes again.
    """
    found: dict[str, dict[str, Any]] = {key: dict(row) for key, row in rows.items()}
    writes: dict[str, Write] = {}
    moved: dict[str, dict[str, CursorView]] = {}
    for fact in facts:
        for at, key in enumerate(row_ids(fact)):
            event = cast("MessageDelivered", fact.event)
            row = found.setdefault(key, {})
            before = row.get(event.stage, {"pos": -1, "seq": 0, "was": 0})
            if fact.position > before["pos"]:
                row[event.stage] = {"pos": fact.position, "seq": max(before["seq"], event.seq), "was": before["seq"]}
                writes[key] = _write(key, event, row, writes.get(key), exists=key in rows)
            if at == 0 and event.stage in REACHED and fact.position >= before["pos"] and _grew(row[event.stage]):
                moved.setdefault(event.conversation_id, {})[event.by] = cursor_of(event.by, row)
    return Folded(list(writes.values()), moved)


def _write(key: str, event: MessageDelivered, row: Row, before: Write | None, *, exists: bool) -> Write:
    fixed = {"tenant": event.tenant, "conversation_id": event.conversation_id, "user_id": user_of(event)}
    facets = {} if before is None else before.facets
    return Write(key, fixed, {**facets, event.stage: row[event.stage]}, exists=exists)


def _grew(facet: Facet) -> bool:
    """Whether its last record moved it."""
    return bool(facet["seq"] > facet.get("was", facet["seq"]))


def cursor_of(user_id: str, row: Row) -> CursorView:
    """How far a user has come by their row, the one without a device; who has read a message has got it."""
    delivered, read = (row.get(stage, {"seq": 0})["seq"] for stage in REACHED)
    return CursorView(user_id=user_id, read_seq=read, delivered_seq=max(delivered, read))


def views_of(moved: Mapping[str, Mapping[str, CursorView]], most: int) -> list[CursorsView]:
    """What nodes are sent of the cursors that moved, at most so many in one view."""
    return [
        CursorsView(conversation_id=key, cursors=cursors[start : start + most])
        for key, of_users in moved.items()
        for cursors in [list(of_users.values())]
        for start in range(0, len(cursors), most)
    ]


def view(event: MessageDelivered) -> ReceiptView:
    """What the sender of a message, or of a change of it, is told once that is persisted."""
    return ReceiptView(
        conversation_id=event.conversation_id,
        message_id=event.message_id,
        seq=event.seq,
        stage=event.stage,
        lane=event.lane,
        applied=event.applied,
    )
