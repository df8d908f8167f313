"""Watch checks every save and every push while the world runs; and the foreign records in the log."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from core.ports.documents import Changes
from core.ports.effects import Durable, Effects, Emitter
from projections.stores.memory import MemoryDocuments
from schemas import topics
from schemas.envelope import Record
from schemas.topics import Partition
from schemas.wire.frames import CURSORS, Push
from tests.simulation import fold
from tests.simulation.followed import followed
from tests.simulation.weather import Ledger, Process

GRACE_S = 10.0
"""Time after a lost save, in seconds, in which pushes of lost rows are tolerated."""
OFFSETS = (1 << 48) - 1
LANE_OF = {
    topics.MESSAGE_SENT: "sent",
    topics.MESSAGE_EDITED: "edited",
    topics.MESSAGE_DELETED: "deleted",
    topics.USER_ACTION: "reaction",
}


class Watch:
    """Observes every save and every publication of the world; `complain` is called with each broken law."""

    def __init__(self, store: MemoryDocuments, ledger: Ledger, complain: Callable[[str], None]) -> None:
        self._store = store
        self._ledger = ledger
        self._complain = complain
        self._positions: dict[tuple[Any, ...], int] = {}
        self._checked: dict[tuple[str, Partition], int] = {}
        self._forgot = -1e9
        self.pushed: set[tuple[str, str, str, int]] = set()

    def saved(self, changes: Changes) -> None:
        """Check that facets only grow, and that a checkpoint never passes a record whose rows are missing."""
        for place, writes in (*changes.rows, *changes.heads):
            rows = self.rows(place.table.model, place.table.name)
            for write in writes:
                row = rows.get(write.id, {})
                for facet in write.facets:
                    key = (place.table.model, place.table.name, write.id, facet)
                    current = row[facet]["pos"] if facet in row else -1
                    if current < self._positions.get(key, -1):
                        self._complain(f"law 5: facet {key} went back from {self._positions[key]} to {current}")
                    self._positions[key] = current
        if changes.checkpoint is not None and " " not in changes.checkpoint.processor:
            for at, position in self._store._checkpoints.get((changes.checkpoint.processor, 1), {}).items():
                self._passed(changes.checkpoint.processor, at, position & OFFSETS)

    def forgot(self) -> None:
        """Reset after the store lost saves: rows may be built again."""
        self._positions.clear()
        self._checked.clear()
        self._forgot = asyncio.get_running_loop().time()

    def rows(self, model: str, table: str) -> dict[str, Any]:
        return self._store._rows.get((model, table, 1), {})

    def _passed(self, processor: str, at: Partition, offset: int) -> None:
        before = self._checked.get((processor, at), 0)
        for record in self._ledger.storage.records[at][before:offset]:
            if processor == "trace" and not followed(record, self.rows("trace", "records")):
                self._complain(f"law 23: trace is at {offset} of {at} but {record} is in no row")
            event = fold.event_of(record)
            if event is not None and event.counts and not self._kept(processor, event):
                self._complain(f"law 9: {processor} is at {offset} of {at} but {event} is in no row")
        self._checked[processor, at] = max(before, offset)

    def _kept(self, processor: str, event: fold.LogEvent) -> bool:
        if processor == "audit_events":
            return True  # it has no rows
        if processor == "audit":
            return event.id in self.rows("audit", "records")
        if processor == "trace":
            return True  # law 23
        if event.own != (processor == "inbox"):
            return True
        match processor:
            case "inbox":
                own = None if event.body is None else self._box(f"acme:{event.key}", event.body)
                cursor = event.type == fold.CURSOR and event.body is not None
                covers = own is not None and own["inbox"]["pos"] >= event.position
                known = event.id in self.rows("inbox", "acts")  # the row of a repeat has the first event's position
                return covers if cursor else known and (own is not None or event.body is None)
            case "conversations":
                return event.id in self.rows("conversations", "changes")
            case "receipts":
                return event.body is None or self._reported(event.key, event.body)
        table = "messages" if processor == "messages" else "search_docs"
        facet = self.rows(processor, table).get(event.row, {}).get(LANE_OF[event.topic])
        if facet is None or event.topic == topics.MESSAGE_SENT:
            return facet is not None
        if event.topic == topics.USER_ACTION:
            return any(kept[0] == event.id for kept in facet["told"])
        return any(version["id"] == event.id for version in facet["versions"])

    def _reported(self, room: str, body: Mapping[str, Any]) -> bool:
        """Return whether the rows have come as far as a record says: those of all senders, or the member's."""
        rows, stage = self.rows("receipts", "receipts"), body["stage"]
        member = f"{body.get('by')}:{body.get('device', '')}"
        said = [(f"{one['sender']}:", one["seq"]) for one in body.get("messages", [])] or [(member, body["seq"])]
        return all(rows.get(f"{room}:{who}", {}).get(stage, {"seq": -1})["seq"] >= seq for who, seq in said)

    def _box(self, owner: str, about: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return self.rows("inbox", "inbox").get(f"{owner}:{fold.place_of(about)}")

    def before_emit(self, effects: Effects) -> None:
        """Check that pushed data can be fetched (persist, then notify): it is in its row, and within its head, which
        bounds what may be read; unless the store has lost it meanwhile.
        """
        if asyncio.get_running_loop().time() - self._forgot < GRACE_S:
            return
        for push in effects.hints:
            if push.lane and not self._fetchable(push):
                self._complain(f"law 8: {push.lane} {push.n} of {push.conversation_id} is pushed but not in its row")
            elif push.lane and not self._within_head(push):
                self._complain(f"law 8: {push.lane} {push.n} of {push.conversation_id} is pushed but not in its head")

    def after_emit(self, effects: Effects) -> None:
        """Record that these were emitted."""
        self.pushed |= {(push.model, push.conversation_id, push.lane, push.n) for push in effects.hints if push.lane}

    def _fetchable(self, push: Push) -> bool:
        data = msgspec.json.decode(push.frame)["data"]
        if push.lane == "user":
            row = self._box(push.conversation_id.removeprefix("user:"), data)
            return row is not None and row["inbox"]["n"] >= push.n  # the push has the current state
        if push.lane == CURSORS:
            return all(self._has_reached(push.conversation_id, cursor) for cursor in data["cursors"])
        if push.lane == "conversation":
            changes = self.rows("conversations", "changes").values()
            return any(
                row["conversation_id"] == push.conversation_id and row["change"]["n"] == push.n for row in changes
            )
        facet = self.rows("messages", "messages").get(data["message_id"], {}).get(push.lane)
        if facet is None:
            return False
        if push.lane == "reaction":
            return any(push.n == n for _, _, n, *_ in facet["told"])
        return push.n in ({facet["n"]} if push.lane == "sent" else {version["n"] for version in facet["versions"]})

    def _within_head(self, push: Push) -> bool:
        if push.lane in {"user", CURSORS}:
            return True  # these have no head but their row
        heads = self.rows(push.model, "heads").get(push.conversation_id, {})
        return bool(heads.get(push.lane, {"n": 0})["n"] >= push.n)

    def _has_reached(self, room: str, cursor: Mapping[str, Any]) -> bool:
        """Return whether a member's row has reached this cursor."""
        row = self.rows("receipts", "receipts").get(f"{room}:{cursor['user_id']}:", {})
        delivered, read = (row.get(stage, {"seq": 0})["seq"] for stage in ("delivered", "read"))
        return bool(read >= cursor["read_seq"] and max(delivered, read) >= cursor["delivered_seq"])


class Watched:
    """An emitter whose effects are checked before they are emitted."""

    def __init__(self, inner: Emitter, watch: Watch, process: Process) -> None:
        self._inner = inner
        self._watch = watch
        self._process = process

    async def begin(self, effects: Effects) -> Durable:
        self._process.check()
        self._watch.before_emit(effects)
        durable = await self._inner.begin(effects)

        async def emitted() -> None:
            await durable()
            self._watch.after_emit(effects)

        return emitted

    async def emit(self, effects: Effects) -> None:
        await (await self.begin(effects))()


def litter(chance: random.Random, rooms: Sequence[str], key: str) -> Record:
    """Return a foreign record: without our headers, with another key, in the wrong topic; or with a truncated body."""
    topic = chance.choice((*LANE_OF, topics.CONVERSATION_UPDATED))
    room = chance.choice(rooms) if rooms else "nowhere"
    kind = chance.choice(("bare", "another key", "another topic", "torn", "torn"))
    types = {
        topics.MESSAGE_SENT: b"caas.message.sent.v1",
        topics.MESSAGE_EDITED: b"caas.message.edited.v2",
        topics.MESSAGE_DELETED: b"caas.message.deleted.v1",
        topics.USER_ACTION: chance.choice(
            (
                b"caas.user.reacted.v1",
                b"caas.user.reacted.v3",
                b"caas.user.action.v1",
                b"caas.user.cursor-moved.v1",
                b"caas.user.message-hidden.v2",
            )
        ),
        topics.CONVERSATION_UPDATED: b"caas.conversation.changed.v7",
    }
    another = b"caas.audit.log.v1"
    headers = (
        ("ce_id", f"litter-{key}".encode()),
        ("ce_source", b"/elsewhere"),
        ("ce_type", another if kind == "another topic" else types[topic]),
        ("ce_time", b"2026-11-20T09:30:00.000Z"),
        ("ce_subject", b"another" if kind == "another key" else room.encode()),
        ("ce_tenantid", b"acme"),
        ("ce_authid", b"eve"),
        ("correlation_id", key.encode()),
    )
    return Record(topic, room.encode(), b'{"torn": "' + key.encode(), () if kind == "bare" else headers)
