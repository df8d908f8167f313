"""What happens, as an application gets it: a frozen struct per push, with its conversation, lane and number."""

from typing import Any, Final

import msgspec

from . import wire
from .language.wire.errors import Problem
from .language.wire.frames import CURSORS, PUSH_OF_USER, SLOW_DOWN
from .language.wire.views import (
    ChangeView,
    CursorsView,
    InboxView,
    MessageView,
    PresenceView,
    ReactionsView,
    ReceiptView,
    SlowDownView,
    TypingView,
)


class LanePlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where an event stands: number `n` of a lane; `healed` where a sync brought it."""

    conversation_id: str
    lane: str
    n: int
    correlation_id: str | None = None
    healed: bool = False


class MessageNew(LanePlace, frozen=True, kw_only=True):
    """Somebody said something, perhaps oneself on this or another device."""

    message: MessageView


class MessageEdited(LanePlace, frozen=True, kw_only=True):
    """A message has another text; it comes as it now is."""

    message: MessageView


class MessageDeleted(LanePlace, frozen=True, kw_only=True):
    """A message was withdrawn for everyone."""

    message: MessageView


class ReactionChanged(LanePlace, frozen=True, kw_only=True):
    """The emojis of a message are others; all that are there now are named."""

    reactions: ReactionsView


class ConversationUpdated(LanePlace, frozen=True, kw_only=True):
    """A conversation began, or who is in it or what it shows changed."""

    change: ChangeView


class InboxChanged(LanePlace, frozen=True, kw_only=True):
    """How oneself has a conversation is other than before, by this or another device: read up to, muted, put away; or
    a message was deleted for oneself alone (`inbox.hidden`), which whoever shows it takes away.
    """

    inbox: InboxView


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """A user whom this client is subscribed to has another presence; the last event is what is true."""

    presence: PresenceView


class Typing(msgspec.Struct, frozen=True, kw_only=True):
    """A user types, or stopped typing; it is not sent again when it was missed."""

    conversation_id: str
    typing: TypingView


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What one did can be fetched from now on; a receipt has no number, and may be lost or come twice."""

    conversation_id: str
    receipt: ReceiptView
    correlation_id: str | None = None


class CursorsMoved(msgspec.Struct, frozen=True, kw_only=True):
    """Members have read further, or have got more; each cursor as it now is. It has no number, and may be lost: what
    is so is in `get_conversation`.
    """

    conversation_id: str
    moved: CursorsView


class SlowDown(msgspec.Struct, frozen=True, kw_only=True):
    """The node reads no further commands of this client for a moment: recipients do not have yet what was sent before.
    Nothing needs to be sent again.
    """

    slow_down: SlowDownView


class CommandFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was accepted turned out to be a repeat with another body: the first body stands."""

    problem: Problem
    conversation_id: str | None = None
    message_id: str | None = None
    correlation_id: str | None = None


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """No node can send what was missed: load again what is shown.

    Where `about` names conversations (and `user`: one's own inbox), it is these alone, as after a restore, and they are
    sent again from their beginning.
    """

    problem: Problem | None = None
    about: list[str] = []


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A push that this client does not know, or not in this shape."""

    type: str
    data: Any
    lane: str | None = None
    n: int | None = None
    correlation_id: str | None = None


LaneEvent = MessageNew | MessageEdited | MessageDeleted | ReactionChanged | ConversationUpdated | InboxChanged
Event = LaneEvent | Receipt | CursorsMoved | Presence | Typing | SlowDown | CommandFailed | Reset | Unknown

LANE_EVENTS: Final[dict[str, type[LaneEvent]]] = {
    "message:new": MessageNew,
    "message:edited": MessageEdited,
    "message:deleted": MessageDeleted,
    "reaction:changed": ReactionChanged,
    "conversation:updated": ConversationUpdated,
    PUSH_OF_USER: InboxChanged,
}

NOW_EVENTS: Final[dict[str, type[Receipt | CursorsMoved | Presence | Typing | SlowDown]]] = {
    "receipt": Receipt,
    CURSORS: CursorsMoved,
    "presence": Presence,
    "typing": Typing,
    SLOW_DOWN: SlowDown,
}
"""Without a lane: what is so now."""


def typed(event: wire.Event) -> Event:
    """The event of a push. Never raises: what does not fit is `Unknown`."""
    try:
        return _known(event)
    except (msgspec.ValidationError, KeyError, TypeError):
        return _unknown(event)


def _known(event: wire.Event) -> Event:
    if (kind := LANE_EVENTS.get(event.type)) is not None:
        view = dict.fromkeys(("message", "reactions", "change", "inbox"), event.data)  # it takes the one that it has
        place = {"conversation_id": event.data["conversation_id"], "lane": event.lane, "n": event.n}
        about = {"correlation_id": event.correlation_id, "healed": event.healed}
        return msgspec.convert({**view, **place, **about}, kind)
    if (now := NOW_EVENTS.get(event.type)) is not None:
        view = dict.fromkeys(("receipt", "moved", "presence", "typing", "slow_down"), event.data)
        return msgspec.convert({**event.data, "correlation_id": event.correlation_id, **view}, now)
    match event.type:
        case "error" if event.error is not None:
            failed = {**(event.data or {}), "problem": event.error, "correlation_id": event.correlation_id}
            return msgspec.convert(failed, CommandFailed)
        case "reset":
            return Reset(problem=event.error, about=(event.data or {}).get("reset", []))
        case _:
            return _unknown(event)


def _unknown(event: wire.Event) -> Unknown:
    return Unknown(type=event.type, data=event.data, lane=event.lane, n=event.n, correlation_id=event.correlation_id)
