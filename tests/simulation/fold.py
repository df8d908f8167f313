"""An independent, plain fold of a log: one pass per conversation, without read models.

It is the oracle: it shares no code with projections/ or core/domain/, so that it does not repeat a mistake there.
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
    "caas.audit.log": "audit.log",
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
"""The event types of the user lane; no conversation has them."""
NEEDED = ("ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_tenantid", "correlation_id")


MAX_EMOJI_PER_MEMBER = 20
"""Maximum number of emoji of one member on a message."""


def bare(emoji: str) -> str:
    """Return an emoji without variation selectors."""
    return emoji.replace("\ufe0e", "").replace("\ufe0f", "")


def place_of(body: Mapping[str, Any]) -> str:
    """Return the key of an inbox event or push: a conversation, or a thread of it."""
    thread = body.get("thread")
    return body["conversation_id"] if thread is None else f"{body['conversation_id']}:{thread}"


@dataclass(frozen=True)
class LogEvent:
    """An event of the log; `body` is None if it cannot be decoded."""

    topic: str
    id: str
    type: str
    key: str
    actor: str
    body: Mapping[str, Any] | None
    position: int

    @property
    def counts(self) -> bool:
        """Whether it has a number in a lane: an unknown type has none."""
        return self.type != "caas.user.action"

    @property
    def own(self) -> bool:
        """Whether it is in the user lane."""
        return self.type in OWN

    @property
    def row(self) -> str:
        """The message of the event; the event's id if the body cannot be decoded."""
        return self.id if self.body is None else str(self.body["message_id"])


@functools.lru_cache(maxsize=4096)
def event_of(record: Received) -> LogEvent | None:
    """Parse a record; None if it is no event of ours."""
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
    return LogEvent(
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
    """One message with its edits, deletions and reactions, each `(number in its lane, event)`."""

    sent: tuple[int, LogEvent] | None = None
    edits: list[tuple[int, LogEvent]] = field(default_factory=list)
    deletions: list[tuple[int, LogEvent]] = field(default_factory=list)
    reactions: list[tuple[int, LogEvent]] = field(default_factory=list)

    @property
    def on(self) -> list[tuple[str, list[str]]]:
        """The reactions on it now: emoji and users in order."""
        shown: list[tuple[str, list[str]]] = []
        for body in (event.body for _, event in self.reactions if event.body is not None):
            there = next((users for emoji, users in shown if bare(emoji) == bare(body["emoji"])), None)
            mine = sum(body["user_id"] in users for _, users in shown)
            if body["on"] and mine >= MAX_EMOJI_PER_MEMBER:
                continue
            if body["on"] and there is None:
                shown.append((body["emoji"], [body["user_id"]]))
            elif body["on"] and there is not None and body["user_id"] not in there:
                there.append(body["user_id"])
            elif not body["on"] and there is not None and body["user_id"] in there:
                there.remove(body["user_id"])
            shown = [(emoji, users) for emoji, users in shown if users]
        return [] if self.withdrawn else shown

    @property
    def withdrawn(self) -> bool:
        """Whether it is shown as deleted; a message that cannot be decoded is shown as such instead."""
        return self.deleted and self.sent is not None and self.sent[1].body is not None

    @property
    def seq(self) -> int:
        """Its number, 0 if it was not sent."""
        return 0 if self.sent is None else self.sent[0]

    @property
    def root(self) -> str | None:
        """The first message of its thread."""
        return None if self.sent is None or self.sent[1].body is None else self.sent[1].body.get("thread_root")

    @property
    def deleted(self) -> bool:
        return any(event.body is not None for _, event in self.deletions)

    @property
    def text(self) -> str | None:
        """The current text."""
        if self.sent is None or self.sent[1].body is None or self.deleted:
            return None
        text: str = self._newest(self.sent[1].body)["text"]
        return text or None

    def _newest(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the body with the current content: of the last edit by the sender, else of the send."""
        bodies = (edit.body for _, edit in self.edits)
        return [sent, *(body for body in bodies if body is not None and body["editor"] == sent["sender"])][-1]

    @property
    def carried(self) -> dict[str, Any]:
        """The current content beside the text."""
        if self.sent is None or self.sent[1].body is None:
            return {}
        sent = self.sent[1].body
        root = {"thread_root": sent.get("thread_root")}
        kept = {name: sent.get(name) for name in ("attachments", "metadata", "forwarded_from")}
        newest = {name: self._newest(sent).get(name) for name in ("mentions", "ciphertext")}
        found = root if self.deleted else root | kept | newest
        return {name: value for name, value in found.items() if value}


@dataclass
class Box:
    """The inbox of one user for one conversation; `n` is the number of the newest event about it."""

    n: int = 0
    read: int = 0
    muted: bool = False
    until: str | None = None
    archived: bool = False
    archived_seq: int | None = None
    keep_archived: bool = False
    pinned: int = 0
    hidden: list[str] = field(default_factory=list)

    def after(self, event: LogEvent, n: int) -> None:
        """Apply the next event of the user about this conversation."""
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
    """The state of a whole log: events by lane, messages, rooms, inboxes, and repeated events."""

    lanes: dict[tuple[str, str], list[LogEvent]] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    rooms: dict[str, Room | None] = field(default_factory=dict)
    boxes: dict[tuple[str, str], Box] = field(default_factory=dict)
    repeats: list[tuple[LogEvent, LogEvent]] = field(default_factory=list)
    ids: dict[str, LogEvent] = field(default_factory=dict)
    newest: dict[str, list[int]] = field(default_factory=dict)
    """By conversation, for every message: the newest view on which it, or an earlier one, was decided."""


LANES = {
    "message.sent": "sent",
    "message.edited": "edited",
    "message.deleted": "deleted",
    "user.action": "reaction",
    "conversation.updated": "conversation",
}


def whole(records: Mapping[Partition, Sequence[Received]]) -> Whole:
    """Fold all partitions."""
    found = Whole()
    for place, lane in ((place, LANES[place.topic]) for place in records if place.topic in LANES):
        _pass(found, lane, records[place])
    return found


def _pass(found: Whole, where: str, records: Iterable[Received]) -> None:
    for record in records:
        event = event_of(record)
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
