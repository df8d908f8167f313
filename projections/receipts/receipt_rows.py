"""Folds receipts: per conversation, user and device the last message that reached a stage; they only grow.

Row `{conversation_id}:{user_id}:{device}`, one facet per stage: `{pos, seq, was}`, `was` the `seq` before the last
record. The row without a device is the user's: `persisted` of their messages, `delivered` on any device, `read`.
All records of a conversation have its key, so each facet has one order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

from core.ports.documents import Facet, Index, Row, Table, Write
from projections.facts import Fact
from schemas.events import MessageDelivered, PersistedMessage
from schemas.wire.views import CursorsView, CursorView, ReceiptView

MODEL: Final = "receipts"
CURSOR_STAGES: Final = ("delivered", "read")
"""The stages that a recipient reports, for all messages up to one; a read message has been delivered."""
ROWS: Final = Table(
    MODEL,
    "receipts",
    (
        Index("by_user", ("tenant", "user_id")),
        *(Index(stage, ("conversation_id",), f"{stage}.seq") for stage in CURSOR_STAGES),
    ),
)


class Cursor(NamedTuple):
    """Up to which message a user came, or one of their devices."""

    user_id: str
    device: str
    seq: int


@dataclass(frozen=True, slots=True)
class Folded:
    """The result of a batch: the facets to save, and by conversation the moved cursors by user."""

    writes: Sequence[Write]
    moved: Mapping[str, Mapping[str, CursorView]]


def row_id(conversation_id: str, user_id: str, device: str = "") -> str:
    """Return the id of the row of a user, or of one of their devices."""
    return f"{conversation_id}:{user_id}:{device}"


def row_ids(fact: Fact) -> list[str]:
    """Return the ids of the rows that a fact changes; none if it is unreadable or names no user."""
    return [row_id(fact.envelope.subject, cursor.user_id, cursor.device) for cursor in cursors_of(fact)]


def cursors_of(fact: Fact) -> Sequence[Cursor]:
    """Return the cursors that a fact reports, one for each row: for `persisted` those of the senders, else that of the
    user who reports it, and that of their device.
    """
    if not isinstance(event := fact.event, MessageDelivered):
        return []
    if event.stage in CURSOR_STAGES:
        devices = ("", event.device) if event.device else ("",)
        return [Cursor(event.by, device, event.seq) for device in devices if event.by]
    furthest: dict[str, int] = {}
    for message in event.messages:
        furthest[message.sender] = max(furthest.get(message.sender, 0), message.seq)
    return [Cursor(sender, "", seq) for sender, seq in furthest.items() if sender]


def fold(facts: Sequence[Fact], rows: Mapping[str, Row]) -> Folded:
    """Return the facets after these facts; an older one changes nothing. The newest fact of a facet reports the same
    move of the cursor when it is folded again.
    """
    found: dict[str, dict[str, Any]] = {key: dict(row) for key, row in rows.items()}
    writes: dict[str, Write] = {}
    moved: dict[str, dict[str, CursorView]] = {}
    for fact in facts:
        for user, device, seq in cursors_of(fact):
            event = cast("MessageDelivered", fact.event)
            key = row_id(event.conversation_id, user, device)
            row = found.setdefault(key, {})
            before = row.get(event.stage, {"pos": -1, "seq": 0, "was": 0})
            if fact.position > before["pos"]:
                row[event.stage] = {"pos": fact.position, "seq": max(before["seq"], seq), "was": before["seq"]}
                writes[key] = _write(key, event, user, row, writes.get(key), exists=key in rows)
            of_user = event.stage in CURSOR_STAGES and not device
            if of_user and fact.position >= before["pos"] and _grew(row[event.stage]):
                moved.setdefault(event.conversation_id, {})[user] = cursor_of(user, row)
    return Folded(list(writes.values()), moved)


def _write(key: str, event: MessageDelivered, user_id: str, row: Row, before: Write | None, *, exists: bool) -> Write:
    fixed = {"tenant": event.tenant, "conversation_id": event.conversation_id, "user_id": user_id}
    facets = {} if before is None else before.facets
    return Write(key, fixed, {**facets, event.stage: row[event.stage]}, exists=exists)


def _grew(facet: Facet) -> bool:
    """Return whether its last record moved it."""
    return bool(facet["seq"] > facet.get("was", facet["seq"]))


def cursor_of(user_id: str, row: Row) -> CursorView:
    """Return a user's cursor from their row, the one without a device; a read message has been delivered."""
    delivered, read = (row.get(stage, {"seq": 0})["seq"] for stage in CURSOR_STAGES)
    return CursorView(user_id=user_id, read_seq=read, delivered_seq=max(delivered, read))


def views_of(moved: Mapping[str, Mapping[str, CursorView]], max_cursors: int) -> list[CursorsView]:
    """Return the views of the moved cursors that nodes are sent, with at most `max_cursors` in one view."""
    return [
        CursorsView(conversation_id=key, cursors=cursors[start : start + max_cursors])
        for key, of_users in moved.items()
        for cursors in [list(of_users.values())]
        for start in range(0, len(cursors), max_cursors)
    ]


def view(event: MessageDelivered, message: PersistedMessage) -> ReceiptView:
    """Return the receipt that the sender of a message, or of a change of it, is sent once it is persisted."""
    return ReceiptView(
        conversation_id=event.conversation_id,
        message_id=message.message_id,
        seq=message.seq,
        stage=event.stage,
        lane=message.lane,
        applied=message.applied,
    )
