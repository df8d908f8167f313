"""Changes: what each event of a conversation came to, as clients are told it in pushes and in sync.

A change names what is otherwise than before and no more: an event that the log had decided otherwise about has its
number and says nothing, and of several people only those are named whom it let in, showed out or gave a role.
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
AROUND: Final = frozenset({"tenant", "at", "conversation_id", "actor", "at_seq", "freed", "reopened", "by_rank"})
"""What an event says beside what was asked for; a repeat may say it otherwise."""

_encode: Final = msgspec.json.Encoder(order="sorted").encode


def users_of(event: ConversationEvent | None) -> Sequence[str]:
    """Whom an event names."""
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
    """The fields of a facet of `changes`: those of a `ChangeView`, and `asked`, a digest of what the event asks for.

    `metadata` is JSON text and `roles` a list of pairs, since a facet's keys are ours alone.
    """
    found = {
        "n": n,
        "conversation_id": fact.envelope.subject,
        "change": UNREADABLE if event is None else fact.envelope.type.split(".")[2],
        "actor": fact.envelope.actor if event is None else event.actor,
        "at": fact.envelope.time if event is None else event.at,
        "asked": asked_of(event),
    }
    return found if event is None or after is None else found | _told(event, before, after)


def _told(event: ConversationEvent, before: Conversation | None, after: Conversation) -> dict[str, Any]:
    """What is otherwise than before."""
    found = _people(event, before, after)
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


def _people(event: ConversationEvent, before: Conversation | None, after: Conversation) -> dict[str, Any]:
    """Who came, who went, who has another role; and the roles of those who are in it."""
    was = {} if before is None else before.members
    others = [user for user in dict.fromkeys(users_of(event)) if was.get(user) != after.members.get(user)]
    roles = [[user, after.members[user].role] for user in others if after.holds(user)]
    return {"participants": others, "roles": roles} if others else {}


def view_of(change: Mapping[str, Any]) -> ChangeView:
    """What a client sees of a facet of `changes`."""
    told = {name: change[name] for name in ChangeView.__struct_fields__ if name in change}
    decoded = {"metadata": metadata.of_text(change.get("metadata")), "roles": dict(change.get("roles", ()))}
    return msgspec.convert(told | decoded, ChangeView)


def change_view(row: Row) -> ChangeView:
    """What a client sees of a row of `changes`."""
    return view_of(row["change"])


def asked_of(event: ConversationEvent | None) -> str:
    """A digest of what an event asks for: the same for every repeat of a command with the same body.

    Empty for one that cannot be read, and for a creation: to open a conversation again is to open it.
    """
    if event is None or isinstance(event, ConversationCreated):
        return ""
    asked = {name: getattr(event, name) for name in event.__struct_fields__ if name not in AROUND}
    return sha256(_encode({name: value for name, value in asked.items() if value is not UNSET})).hexdigest()


def differs(told: Mapping[str, Any], event: ConversationEvent | None) -> bool:
    """Whether a repeat asks for something else than the first did."""
    if event is None or isinstance(event, ConversationCreated):
        return False
    return bool(told.get("asked") != asked_of(event))
