"""Folds inbox actions (acts): every inbox event but cursors, one row per event, permanently known by the event's id.

Facet `act` `{pos, n, act, applied, on?, until?, keep_archived?, message_id?, seq?}`: `act` is muted, archived, pinned,
hidden or unreadable; `applied` says whether it changed anything; `seq` is the number of the hidden message,
if the event has it. The row's `conversation_id` is empty if the event cannot be read.
"""

from collections.abc import Mapping
from typing import Any, Final, assert_never

from core.ports.documents import Facet, Row
from schemas.events.inbox import (
    ConversationArchived,
    ConversationMuted,
    ConversationPinned,
    CursorMoved,
    InboxEvent,
    MessageHidden,
)

FACET: Final = "act"
MUTED: Final = "muted"
ARCHIVED: Final = "archived"
PINNED: Final = "pinned"
HIDDEN: Final = "hidden"
UNREADABLE: Final = "unreadable"


def facet_of(position: int, n: int, event: InboxEvent | None, *, applied: bool) -> Facet:
    """Return the facet of an event, the `n`-th of its user."""
    numbered = {"seq": event.seq} if isinstance(event, MessageHidden) and event.seq else {}
    return {"pos": position, "n": n, "applied": applied, **_fields(event), **numbered}


def differs(act: Mapping[str, Any], event: InboxEvent | None) -> bool:
    """Return whether a repeat has another body than the first event, whose facet is `act`; an unreadable one has not.

    A missing field equals one that is off: older acts lack fields that were added later.
    """
    fields = {} if event is None else _fields(event)
    return any((act.get(name) or None) != (value or None) for name, value in fields.items())


def hides(row: Row) -> str | None:
    """Return the id of the message that the act of this row hides; None if it hides none."""
    act = row[FACET]
    return act["message_id"] if act["act"] == HIDDEN else None


def _fields(event: InboxEvent | None) -> dict[str, Any]:
    match event:
        case None | CursorMoved():  # a cursor has no act
            return {"act": UNREADABLE}
        case ConversationMuted():
            return {"act": MUTED, "on": event.on, "until": event.until}
        case ConversationArchived():
            return {"act": ARCHIVED, "on": event.on, "keep_archived": event.keep_archived}
        case ConversationPinned():
            return {"act": PINNED, "on": event.on}
        case MessageHidden():
            return {"act": HIDDEN, "message_id": event.message_id}
        case _:
            assert_never(event)
