"""What a log says, told plainly and on its own: one pass per conversation, knowing nothing of read models.

This is the other witness: it shares no code with projections/ or core/domain/, so that a mistake there is not believed.
"""

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.ports.event_log import Received
from schemas.topics import Partition

FAMILY = {
    "caas.message.sent": "message.sent",
    "caas.message.edited": "message.edited",
    "caas.message.deleted": "message.deleted",
    "caas.message.delivered": "message.delivered",
    "caas.message.rejected": "message.rejected",
    "caas.conversation.created": "conversation.updated",
    "caas.conversation.changed": "conversation.updated",
    "caas.conversation.participants-added": "conversation.updated",
    "caas.conversation.participants-removed": "conversation.updated",
}
NEEDED = ("ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_tenantid", "correlation_id")


@dataclass(frozen=True)
class Told:
    """One record that counts; `body` is None where nobody can read it."""

    topic: str
    id: str
    type: str
    key: str
    actor: str
    body: Mapping[str, Any] | None
    position: int

    @property
    def row(self) -> str:
        """The message it is about; by itself where that cannot be read."""
        return self.id if self.body is None else str(self.body["message_id"])


@functools.lru_cache(maxsize=4096)
def told(record: Received) -> Told | None:
    """What a record says; None where it is no event of ours."""
    headers = {name: value.decode() for name, value in record.headers}
    if any(name not in headers for name in NEEDED):
        return None
    family = headers["ce_type"].rpartition(".")[0]
    if FAMILY.get(family) != record.topic or record.key != headers["ce_subject"].encode():
        return None
    try:
        body = json.loads(record.value or b"")
    except ValueError:
        body = None
    return Told(
        record.topic,
        headers["ce_id"],
        family,
        headers["ce_subject"],
        headers.get("ce_authid", ""),
        body,
        record.position,
    )


@dataclass
class Said:
    """One message: what was sent, and what was done to it, each `(number in its lane, record)`."""

    sent: tuple[int, Told] | None = None
    edits: list[tuple[int, Told]] = field(default_factory=list)
    deletions: list[tuple[int, Told]] = field(default_factory=list)

    @property
    def deleted(self) -> bool:
        return any(told.body is not None for _, told in self.deletions)

    @property
    def text(self) -> str | None:
        """What stands there now."""
        if self.sent is None or self.sent[1].body is None or self.deleted:
            return None
        sent = self.sent[1].body
        text: str = sent["text"]
        for _, edit in self.edits:
            if edit.body is not None and edit.body["editor"] == sent["sender"]:
                text = edit.body["text"]
        return text


@dataclass
class Room:
    """One conversation's members: role, and stays `[from, until]`."""

    kind: str
    n: int
    members: dict[str, tuple[str, list[list[int | None]]]]

    def holds(self, user: str) -> bool:
        return user in self.members and self.members[user][1][-1][1] is None

    def manages(self, user: str) -> bool:
        return self.kind == "group" and self.holds(user) and self.members[user][0] in {"owner", "admin"}


def after(room: Room | None, event: Told, n: int) -> Room | None:
    """The room after the n-th record about it; the one before is left as it was."""
    body = event.body
    if room is None:
        if event.type != "caas.conversation.created" or body is None:
            return None
        return Room(body["kind"], n, {user: (role, [[1, None]]) for user, role in body["participants"].items()})
    members = {user: (role, [list(stay) for stay in stays]) for user, (role, stays) in room.members.items()}
    if body is not None and event.type == "caas.conversation.participants-added" and room.manages(body["actor"]):
        for user, role in body["participants"].items():
            if not room.holds(user):
                stays = members[user][1] if user in members else []
                last = stays[-1][1] or 0 if stays else 0
                members[user] = (role, [*stays, [max(body["at_seq"], last) + 1, None]])
    if body is not None and event.type == "caas.conversation.participants-removed":
        for user in body["participants"]:
            if room.holds(user) and (user == body["actor"] or room.manages(body["actor"])):
                stay = members[user][1][-1]
                stay[1] = max(body["at_seq"], (stay[0] or 0) - 1)
    return Room(room.kind, n, members)


@dataclass
class Whole:
    """A whole log: numbers by lane, messages, rooms, and which records were repeats."""

    lanes: dict[tuple[str, str], list[Told]] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    rooms: dict[str, Room | None] = field(default_factory=dict)
    repeats: list[tuple[Told, Told]] = field(default_factory=list)
    ids: dict[str, Told] = field(default_factory=dict)


LANES = {
    "message.sent": "sent",
    "message.edited": "edited",
    "message.deleted": "deleted",
    "conversation.updated": "conversation",
}


def whole(records: Mapping[Partition, Sequence[Received]]) -> Whole:
    """Everything, partition by partition."""
    found = Whole()
    for place, lane in ((place, LANES[place.topic]) for place in records if place.topic in LANES):
        _pass(found, lane, records[place])
    return found


def _pass(found: Whole, lane: str, records: Iterable[Received]) -> None:
    for record in records:
        event = told(record)
        if event is None:
            continue
        if event.id in found.ids:
            found.repeats.append((found.ids[event.id], event))
            continue
        found.ids[event.id] = event
        numbers = found.lanes.setdefault((event.key, lane), [])
        numbers.append(event)
        n = len(numbers)
        if lane == "conversation":
            found.rooms[event.key] = after(found.rooms.get(event.key), event, n)
            continue
        said = found.said.setdefault(event.row, Said())
        if lane == "sent":
            said.sent = (n, event)
        else:
            (said.edits if lane == "edited" else said.deletions).append((n, event))
