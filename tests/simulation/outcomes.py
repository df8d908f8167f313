"""Check that effects of a save are never lost: receipts, rejections and dead letters, and a push per change."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

from core.ports.event_log import Received
from edge.composition.compose import PROCESSORS, processor
from schemas import topics
from tests.simulation import fold
from tests.simulation.fold import LANES, LogEvent, Whole
from tests.simulation.world import World

NAMESPACE = UUID("5c1d3c9e-6b0e-5b1f-9b64-0f6f1d1f8a77")
Broken = Iterator[str]
SAID = ("text", "reply_to", "ciphertext", "attachments")


def effects(world: World, whole: Whole) -> Broken:
    """Law 7: logged effects are never lost: receipts and rejections, with derived ids."""
    persisted, rejected = _persisted(world), _ids(world, topics.MESSAGE_REJECTED)
    for (key, lane), events in whole.lanes.items():
        for event in events if lane not in {"conversation", "user"} and not _may_be_unreported(world, lane) else ():
            if whole.said[event.row].sent is not None and event.id not in persisted:
                yield f"law 7: {event} of {key} was never said to be persisted"
    for first, again in whole.repeats:
        opened = again.body is not None and "kind" in again.body  # creating again is a repeat
        if not opened and _says(first) != _says(again) and _effect(first.id, "rejected") not in rejected:
            yield f"law 7: {again} has another body than {first}, and no rejection was logged"


def _may_be_unreported(world: World, lane: str) -> bool:
    """Return whether a change may have been read while the store had lost its message: it is not pushed then, and the
    nodes find it in the heads.
    """
    return world.store.life > 0 and lane in {"edited", "deleted", "reaction"}


def buried(world: World) -> Broken:
    """Law 7: a record that cannot be decoded is a dead letter, once for each of its readers."""
    dead = {_origin(record) for record in world.ledger.order if record.topic == topics.DEAD_LETTER}
    for record in world.ledger.order:
        event = fold.event_of(record)
        if record.topic in LANES and (event is None or event.body is None):
            for reader in _readers(record.topic, event):
                lies = (reader, record.topic, record.partition, record.offset) in dead
                if not lies and (event is None or event.counts):
                    yield f"law 7: {record} never came to the dead letters of {reader}"
                if lies and event is not None and not event.counts:
                    yield f"law 7: {record} is none of {reader}'s dead letters"


def _persisted(world: World) -> set[str]:
    """Return the events that are said to be persisted, by records whose ids derive from theirs."""
    found: set[str] = set()
    for record in world.ledger.order:
        event = fold.event_of(record) if record.topic == topics.MESSAGE_DELIVERED else None
        if event is not None and event.body is not None:
            named = [one["event_id"] for one in event.body.get("messages", [])]
            found.update(named if event.id == _effect(" ".join(named), "persisted") else ())
    return found


def _ids(world: World, topic: str) -> set[str]:
    found = (fold.event_of(record) for record in world.ledger.order if record.topic == topic)
    return {event.id for event in found if event is not None}


def _effect(source: str, kind: str) -> str:
    return str(uuid5(NAMESPACE, f"effect {kind} {source}"))


def _says(event: LogEvent) -> Any:
    body = event.body
    return body and (
        body.get("emoji"),
        [body.get(name) for name in SAID]
        if not body.get("forwarded_from")
        else body["forwarded_from"][-1]["message_id"],
        [body.get(name, "unnamed") for name in ("participants", "roles", "title", "avatar", "metadata")],
        event.topic == topics.CONVERSATION_UPDATED and body.get("message_id"),
    )


def _origin(record: Received) -> tuple[str, str, int, int]:
    said = {name: value.decode() for name, value in record.headers}
    at = (said[f"__streams.errors.{name}"] for name in ("topic", "partition", "offset"))
    topic, partition, offset = at
    return said["caas_dlq_projection"], topic, int(partition), int(offset)


def _readers(topic: str, event: LogEvent | None) -> list[str]:
    """Return the processors that decode such a record; of `user.action` each takes its own types."""
    other = "" if event is None or topic != topics.USER_ACTION else "messages" if event.own else "inbox"
    skip = {other, "trace"}
    return [name for name in PROCESSORS if topic in processor(name, None, None).topics and name not in skip]


def pushes(world: World, whole: Whole) -> Broken:
    """Law 8: every visible change was published to the bus at least once; the bus may lose it."""
    for (key, lane), events in whole.lanes.items():
        if lane == "user" or _may_be_unreported(world, lane):
            continue
        model = "conversations" if lane == "conversation" else "messages"
        for n, event in enumerate(events, start=1):
            seen = lane == "conversation" or whole.said[event.row].sent is not None
            if seen and (model, key, lane, n) not in world.watch.pushed:
                yield f"law 8: {lane} {n} of {key} was never pushed: {event}"
