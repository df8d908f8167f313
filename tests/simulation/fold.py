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
from tests.simulation import rooms
from tests.simulation.rooms import Room

FAMILY = {
    "caas.message.sent": "message.sent",
    "caas.message.edited": "message.edited",
    "caas.message.deleted": "message.deleted",
    "caas.message.delivered": "message.delivered",
    "caas.message.rejected": "message.rejected",
    "caas.user.reacted": "user.action",
    "caas.user.action": "user.action",
    "caas.user.cursor-moved": "user.action",
    "caas.user.conversation-muted": "user.action",
    "caas.user.conversation-archived": "user.action",
    "caas.user.conversation-pinned": "user.action",
    "caas.user.message-hidden": "user.action",
    "caas.conversation.created": "conversation.updated",
    "caas.conversation.changed": "conversation.updated",
    "caas.conversation.participants-added": "conversation.updated",
    "caas.conversation.participants-removed": "conversation.updated",
    "caas.conversation.roles-changed": "conversation.updated",
    "caas.conversation.message-pinned": "conversation.updated",
    "caas.conversation.message-unpinned": "conversation.updated",
}
CURSOR = "caas.user.cursor-moved"
KEPT = ("conversation-muted", "conversation-archived", "conversation-pinned", "message-hidden")
OWN = frozenset({CURSOR, *(f"caas.user.{name}" for name in KEPT)})
"""What is in a user's own lane, and in no conversation's."""
NEEDED = ("ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_tenantid", "correlation_id")


EMOJI_OF_ONE = 20
"""So many emoji one member has on a message."""


def bare(emoji: str) -> str:
    """An emoji without what says whether it is text or a picture."""
    return emoji.replace("\ufe0e", "").replace("\ufe0f", "")


def place_of(body: Mapping[str, Any]) -> str:
    """What somebody's own event or push is about: a conversation, or a thread of it."""
    thread = body.get("thread")
    return body["conversation_id"] if thread is None else f"{body['conversation_id']}:{thread}"


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
    def counts(self) -> bool:
        """What nobody knows to read is no matter of a lane."""
        return self.type != "caas.user.action"

    @property
    def own(self) -> bool:
        """Whether it is in its user's own lane."""
        return self.type in OWN

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
    reactions: list[tuple[int, Told]] = field(default_factory=list)

    @property
    def on(self) -> list[tuple[str, list[str]]]:
        """What is on it now: emoji and people as they came."""
        stands: list[tuple[str, list[str]]] = []
        for body in (told.body for _, told in self.reactions if told.body is not None):
            there = next((users for emoji, users in stands if bare(emoji) == bare(body["emoji"])), None)
            mine = sum(body["user_id"] in users for _, users in stands)
            if body["on"] and mine >= EMOJI_OF_ONE:
                continue
            if body["on"] and there is None:
                stands.append((body["emoji"], [body["user_id"]]))
            elif body["on"] and there is not None and body["user_id"] not in there:
                there.append(body["user_id"])
            elif not body["on"] and there is not None and body["user_id"] in there:
                there.remove(body["user_id"])
            stands = [(emoji, users) for emoji, users in stands if users]
        return [] if self.withdrawn else stands

    @property
    def withdrawn(self) -> bool:
        """Whether it is shown as deleted: what cannot be read stands as that."""
        return self.deleted and self.sent is not None and self.sent[1].body is not None

    @property
    def seq(self) -> int:
        """Its number, 0 where it was not sent."""
        return 0 if self.sent is None else self.sent[0]

    @property
    def root(self) -> str | None:
        """What began the thread that it answers in."""
        return None if self.sent is None or self.sent[1].body is None else self.sent[1].body.get("thread_root")

    @property
    def deleted(self) -> bool:
        return any(told.body is not None for _, told in self.deletions)

    @property
    def text(self) -> str | None:
        """What stands there now."""
        if self.sent is None or self.sent[1].body is None or self.deleted:
            return None
        text: str = self._newest(self.sent[1].body)["text"]
        return text or None

    def _newest(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        """The body that says what stands there now: of the last edit by the sender, else of what was sent."""
        bodies = (edit.body for _, edit in self.edits)
        return [sent, *(body for body in bodies if body is not None and body["editor"] == sent["sender"])][-1]

    @property
    def carried(self) -> dict[str, Any]:
        """What it carries beside its text now."""
        if self.sent is None or self.sent[1].body is None:
            return {}
        sent = self.sent[1].body
        root = {"thread_root": sent.get("thread_root")}
        stays = {name: sent.get(name) for name in ("attachments", "metadata", "forwarded_from")}
        newest = {name: self._newest(sent).get(name) for name in ("mentions", "ciphertext")}
        found = root if self.deleted else root | stays | newest
        return {name: value for name, value in found.items() if value}


@dataclass
class Box:
    """How one user has one conversation; `n` is the number of the newest record about it."""

    n: int = 0
    read: int = 0
    muted: bool = False
    until: str | None = None
    archived: bool = False
    archived_seq: int | None = None
    keep_archived: bool = False
    pinned: int = 0
    hidden: list[str] = field(default_factory=list)

    def after(self, event: Told, n: int) -> None:
        """One more record of its user about this conversation."""
        body = event.body or {}
        self.n = n
        match event.type:
            case "caas.user.cursor-moved":
                self.read = max(self.read, body["seq"])
            case "caas.user.conversation-muted":
                self.muted, self.until = body["on"], body.get("until") if body["on"] else None
            case "caas.user.conversation-archived":
                self.archived = body["on"]
                self.archived_seq = body.get("seq") if body["on"] else None
                self.keep_archived = body["on"] and body.get("keep_archived", False)
            case "caas.user.conversation-pinned":
                self.pinned = (self.pinned or n) if body["on"] else 0
            case _:
                self.hidden.append(body["message_id"])


@dataclass
class Whole:
    """A whole log: numbers by lane, messages, rooms, what users keep for themselves, and which records were repeats."""

    lanes: dict[tuple[str, str], list[Told]] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    rooms: dict[str, Room | None] = field(default_factory=dict)
    boxes: dict[tuple[str, str], Box] = field(default_factory=dict)
    repeats: list[tuple[Told, Told]] = field(default_factory=list)
    ids: dict[str, Told] = field(default_factory=dict)
    newest: dict[str, list[int]] = field(default_factory=dict)
    """By conversation, of every message: the newest view on which it, or one before it, was decided."""


LANES = {
    "message.sent": "sent",
    "message.edited": "edited",
    "message.deleted": "deleted",
    "user.action": "reaction",
    "conversation.updated": "conversation",
}


def whole(records: Mapping[Partition, Sequence[Received]]) -> Whole:
    """Everything, partition by partition."""
    found = Whole()
    for place, lane in ((place, LANES[place.topic]) for place in records if place.topic in LANES):
        _pass(found, lane, records[place])
    return found


def _pass(found: Whole, where: str, records: Iterable[Received]) -> None:
    for record in records:
        event = told(record)
        if event is None or not event.counts:
            continue
        cursor = event.type == CURSOR and event.body is not None
        if event.id in found.ids and not cursor:
            found.repeats.append((found.ids[event.id], event))
            continue
        found.ids[event.id] = event
        lane = "user" if event.own else where
        numbers = found.lanes.setdefault((event.key, lane), [])
        numbers.append(event)
        n = len(numbers)
        if lane == "user":
            if event.body is not None:
                found.boxes.setdefault((event.key, place_of(event.body)), Box()).after(event, n)
            continue
        if lane == "conversation":
            found.rooms[event.key] = rooms.after(found.rooms.get(event.key), event.type, event.body, n)
            continue
        said = found.said.setdefault(event.row, Said())
        if lane == "sent":
            said.sent = (n, event)
            views = found.newest.setdefault(event.key, [])
            views.append(max(views[-1] if views else 0, (event.body or {}).get("conversation_n", 0)))
        else:
            {"edited": said.edits, "deleted": said.deletions, "reaction": said.reactions}[lane].append((n, event))
