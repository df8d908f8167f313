"""Builds changes: the effect of each event of a conversation, as clients receive it in pushes and in sync.

A change has only what differs from before: an event that had no effect in the order of the log has a number and
nothing else, and of several users only those are named who were added, removed or given a role.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec import UNSET

from core.domain import metadata
from core.domain.conversation import Conversation
from core.ports.documents import Row
from projections.facts import Fact
from schemas.events import (
    ConversationCreated,
    ConversationEvent,
    MessagePinned,
    MessageUnpinned,
    ParticipantsAdded,
    ParticipantsRemoved,
    RolesChanged,
)
from schemas.wire.views import ChangeView

UNREADABLE: Final = "unreadable"
SHOWN: Final = ("title", "avatar", "metadata", "history")
NOT_COMPARED: Final = frozenset(
    {"tenant", "at", "conversation_id", "actor", "at_seq", "freed", "reopened", "by_rank", "before"}
)
"""Fields of an event that are not part of the request; they may differ in a repeat."""

_encode: Final = msgspec.json.Encoder(order="sorted").encode


def users_of(event: ConversationEvent | None) -> Sequence[str]:
    """Return the users that an event names."""
    match event:
        case ConversationCreated() | ParticipantsAdded() | ParticipantsRemoved():
            return list(event.participants)
        case RolesChanged():
            return list(event.roles)
        case _:
            return ()


def change_of(
    fact: Fact, n: int, event: ConversationEvent | None, before: Conversation | None, after: Conversation | None
) -> dict[str, Any]:
    """Return the fields of a facet of `changes`: those of a `ChangeView`, and `asked`, a digest of the request.

    `metadata` is JSON text and `roles` a list of pairs, since a facet must not have keys of users.
    """
    found = {
        "n": n,
        "conversation_id": fact.envelope.subject,
        "change": UNREADABLE if event is None else fact.envelope.type.split(".")[2],
        "actor": fact.envelope.actor if event is None else event.actor,
        "at": fact.envelope.time if event is None else event.at,
        "asked": request_digest(event),
    }
    return found if event is None or after is None else found | _difference(event, before, after)


def _difference(event: ConversationEvent, before: Conversation | None, after: Conversation) -> dict[str, Any]:
    """Return the fields that differ from before."""
    found = _members(event, before, after)
    if before is None:
        return found | {"title": after.title, "external_id": after.external_id, "history": after.history}
    if changed := [name for name in SHOWN if getattr(after, name) != getattr(before, name)]:
        found |= {"changed": changed, **{name: getattr(after, name) for name in changed}}
    if after.history_from != before.history_from and after.history_from:
        found["from_seq"] = after.history_from
    if isinstance(event, MessagePinned | MessageUnpinned) and after.pins != before.pins:
        found["message_id"] = event.message_id
        if freed := [pin for pin in before.pins if pin not in {*after.pins, event.message_id}]:
            found["freed"] = freed
    if isinstance(event, ParticipantsAdded | ParticipantsRemoved):
        found["at_seq"] = event.at_seq
    if isinstance(event, ParticipantsAdded) and found.get("participants"):
        found["from_seq"] = min(after.members[user].intervals[-1].first for user in found["participants"])
    return found


def _members(event: ConversationEvent, before: Conversation | None, after: Conversation) -> dict[str, Any]:
    """Return who was added, removed or given another role, and the roles of those who are members now."""
    was = {} if before is None else before.members
    changed = [user for user in dict.fromkeys(users_of(event)) if was.get(user) != after.members.get(user)]
    roles = [[user, after.members[user].role] for user in changed if after.is_member(user)]
    return {"participants": changed, "roles": roles} if changed else {}


def view_of(change: Mapping[str, Any]) -> ChangeView:
    """Return the client's view of a facet of `changes`."""
    fields = {name: change[name] for name in ChangeView.__struct_fields__ if name in change}
    decoded = {"metadata": metadata.of_text(change.get("metadata")), "roles": dict(change.get("roles", ()))}
    return msgspec.convert(fields | decoded, ChangeView)


def change_view(row: Row) -> ChangeView:
    """Return the client's view of a row of `changes`."""
    return view_of(row["change"])


def request_digest(event: ConversationEvent | None) -> str:
    """Return a digest of what an event asks for: the same for every repeat of a command with the same body.

    Empty for an unreadable event, and for a creation: opening a conversation again is the same request.
    """
    if event is None or isinstance(event, ConversationCreated):
        return ""
    fields = {name: getattr(event, name) for name in event.__struct_fields__ if name not in NOT_COMPARED}
    return sha256(_encode({name: value for name, value in fields.items() if value is not UNSET})).hexdigest()


def differs(change: Mapping[str, Any], event: ConversationEvent | None) -> bool:
    """Return whether a repeat has another body than the first event, whose facet is `change`."""
    if event is None or isinstance(event, ConversationCreated):
        return False
    return bool(change.get("asked") != request_digest(event))
