"""Acts: what a user did to their inbox that is no cursor, one row per event, known again for ever by its id.

Facet `act` `{pos, n, act, applied, on?, until?, keep_archived?, message_id?, seq?}`: `act` is muted, archived, pinned,
hidden or unreadable; `applied` says whether it changed anything; `seq` is the number of the message that is hidden,
where the event tells it. The row's `conversation_id` is empty where the event cannot be read.
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
    """The facet of an event, the `n`-th of its user."""
    numbered = {"seq": event.seq} if isinstance(event, MessageHidden) and event.seq else {}
    return {"pos": position, "n": n, "applied": applied, **_said(event), **numbered}


def differs(told: Mapping[str, Any], event: InboxEvent | None) -> bool:
    """Whether a repeat says something else than the first did; one that cannot be read says nothing.

    What is left out and what is off are the same: older acts do not have all that may be said today.
    """
    said = {} if event is None else _said(event)
    return any((told.get(name) or None) != (value or None) for name, value in said.items())


def hides(row: Row) -> str | None:
    """The message that the act of this row hides, if it hides one."""
    found: str | None = row[FACET].get("message_id")
    return found


def _said(event: InboxEvent | None) -> dict[str, Any]:
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
