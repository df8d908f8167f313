"""Messages: three facets from three topics, numbered in three lanes, merged into what a reader sees.

- `sent`    `{pos, n, id, sender, client_msg_id, text, reply_to, conversation_n, at, correlation_id, unreadable}`
- `edited`  `{pos, n, versions: [{pos, n, id, by, at, text}]}`
- `deleted` `{pos, n, versions: [{pos, n, id, by, at}]}`

The row's id is the message's; where the body cannot be read it is the event's, which for `sent` is the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.domain import message
from core.ports.documents import Facet, Index, Row, Table, Write
from projections.facts import Fact, Heads, facet_of
from schemas import topics
from schemas.events import MessageDeleted, MessageEdited, MessageEvent, MessageSent
from schemas.views import MessageView

MODEL: Final = "messages"
LANE_OF: Final = {topics.MESSAGE_SENT: "sent", topics.MESSAGE_EDITED: "edited", topics.MESSAGE_DELETED: "deleted"}
ROWS: Final = Table(
    MODEL, "messages", tuple(Index(lane, ("conversation_id",), f"{lane}.n") for lane in ("sent", "edited", "deleted"))
)
HEADS: Final = Table(MODEL, "heads")


@dataclass(frozen=True, slots=True)
class Numbered:
    """A fact with its row and number; `repeat` was told before under the same id, `conflict` with another body."""

    fact: Fact
    lane: str
    row_id: str
    n: int
    repeat: bool = False
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch comes to: every fact numbered, and the facets and heads to save."""

    numbered: Sequence[Numbered]
    rows: Sequence[Write]
    heads: Sequence[Write]


def row_id(fact: Fact) -> str:
    """The id of the row that a fact is about."""
    match fact.event:
        case MessageSent() | MessageEdited() | MessageDeleted():
            return fact.event.message_id
        case _:
            return fact.envelope.id


def fold(facts: Sequence[Fact], rows: Mapping[str, Row], heads: Heads) -> Folded:
    """Number the facts and fold their facets, from the rows and heads as they were. Deterministic; repeats change
    nothing.
    """
    found: dict[str, dict[str, Any]] = {key: dict(row) for key, row in rows.items()}
    numbered = [_number(fact, found, heads) for fact in facts]
    changed: dict[str, set[str]] = {}
    for one in numbered:
        if not one.repeat:
            changed.setdefault(one.row_id, set()).add(one.lane)
    writes = [
        Write(key, _fixed(found[key]), {lane: found[key][lane] for lane in sorted(lanes)}, exists=key in rows)
        for key, lanes in changed.items()
    ]
    tenants = {fact.envelope.subject: fact.envelope.tenant for fact in facts}
    moved = [Write(key, {"tenant": tenants[key]}, lanes) for key, lanes in heads.moved.items()]
    return Folded(numbered, writes, moved)


def _fixed(row: Row) -> dict[str, str]:
    return {"tenant": row["tenant"], "conversation_id": row["conversation_id"]}


def _number(fact: Fact, found: dict[str, dict[str, Any]], heads: Heads) -> Numbered:
    lane, key, conversation_id = LANE_OF[fact.topic], row_id(fact), fact.envelope.subject
    row = found.setdefault(key, {"tenant": fact.envelope.tenant, "conversation_id": conversation_id})
    facet = facet_of(row, lane)
    told = told_in(facet, lane, fact.envelope.id)
    if told is not None and told["pos"] < fact.position:
        return Numbered(fact, lane, key, told["n"], repeat=True, conflict=_differs(told, fact.event))
    n = heads.number(conversation_id, lane, fact.position, None if told is None else told["n"])
    if told is None:
        row[lane] = sent_facet(fact, n) if lane == "sent" else added_version(facet, fact, n)
    return Numbered(fact, lane, key, n)


def told_in(facet: Facet | None, lane: str, event_id: str) -> Mapping[str, Any] | None:
    """Where this event stands in the facet, if it is in it."""
    if facet is None or lane == "sent":
        return facet
    return next((version for version in facet["versions"] if version["id"] == event_id), None)


def _differs(told: Mapping[str, Any], event: object) -> bool:
    match event:
        case MessageSent():
            return (told.get("text"), told.get("reply_to")) != (event.text, event.reply_to)
        case MessageEdited():
            return bool(told.get("text") != event.text)
        case _:
            return False


def sent_facet(fact: Fact, n: int) -> Facet:
    """The facet of a `message.sent`."""
    place = {"pos": fact.position, "n": n, "id": fact.envelope.id, "correlation_id": fact.envelope.correlation_id}
    match fact.event:
        case MessageSent() as event:
            said = {name: getattr(event, name) for name in ("sender", "client_msg_id", "text", "reply_to", "at")}
            return {**place, **said, "conversation_n": event.conversation_n}
        case _:
            return {**place, "sender": fact.envelope.actor, "at": fact.envelope.time, "unreadable": True}


def added_version(facet: Facet | None, fact: Fact, n: int) -> Facet:
    """The facet with one more edit or deletion at its end; an unreadable one stands there too and says nothing."""
    version: dict[str, Any] = {"pos": fact.position, "n": n, "id": fact.envelope.id, "at": fact.envelope.time}
    match fact.event:
        case MessageEdited() as event:
            version |= {"by": event.editor, "text": event.text}
        case MessageDeleted() as event:
            version |= {"by": event.deleted_by}
        case _:
            version |= {"unreadable": True}
    before = [] if facet is None else facet["versions"]
    return {"pos": fact.position, "n": n, "versions": [*before, version]}


def state_of(row: Mapping[str, Any] | None) -> message.State:
    """The merge: the facets' events in their one order (sent, edits, deletions) through the domain's `evolve`."""
    state: message.State = message.Absent()
    for event in _events(row or {}):
        state = message.evolve(state, event)
    return state


def _events(row: Mapping[str, Any]) -> list[MessageEvent]:
    sent = row.get("sent")
    if sent is None or sent.get("unreadable"):
        return []
    about = {"tenant": row["tenant"], "conversation_id": row["conversation_id"], "message_id": row["_id"]}
    names = ("sender", "client_msg_id", "text", "reply_to", "conversation_n", "at")
    return [
        MessageSent(**about, **{name: sent[name] for name in names}),
        *(
            MessageEdited(**about, at=version["at"], editor=version["by"], text=version["text"])
            for version in (row.get("edited") or {"versions": ()})["versions"]
            if "by" in version
        ),
        *(
            MessageDeleted(**about, at=version["at"], deleted_by=version["by"])
            for version in (row.get("deleted") or {"versions": ()})["versions"]
            if "by" in version
        ),
    ]


def view(row: Row) -> MessageView | None:
    """What a reader sees of a row; None while its `sent` has not been read."""
    sent = facet_of(row, "sent")
    if sent is None:
        return None
    if "edited" not in row and "deleted" not in row:
        return _as_sent(row, sent)
    state = state_of(row)
    live = state.was if isinstance(state, message.Deleted) else state
    return MessageView(
        conversation_id=row["conversation_id"],
        message_id=row["_id"],
        seq=sent["n"],
        sender=sent["sender"],
        text=state.text if isinstance(state, message.Live) else None,
        at=sent["at"],
        client_msg_id=sent.get("client_msg_id", ""),
        reply_to=sent.get("reply_to"),
        edited=isinstance(live, message.Live) and live.edited,
        deleted=isinstance(state, message.Deleted),
        unreadable=bool(sent.get("unreadable")),
    )


def _as_sent(row: Row, sent: Facet) -> MessageView:
    """The view of a message that nothing became of: what the merge would say, said at once."""
    return MessageView(
        conversation_id=row["conversation_id"],
        message_id=row["_id"],
        seq=sent["n"],
        sender=sent["sender"],
        text=sent.get("text"),
        at=sent["at"],
        client_msg_id=sent.get("client_msg_id", ""),
        reply_to=sent.get("reply_to"),
        unreadable=bool(sent.get("unreadable")),
    )
