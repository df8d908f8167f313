"""Messages: facets from four topics, numbered in four lanes, merged into what a reader sees.

- `sent`    `{pos, n, id, sender, client_msg_id, text, reply_to, conversation_n, at, correlation_id, unreadable}`, and
  what it carries beside its text (projections.messages.contents)
- `edited`  `{pos, n, versions: [{pos, n, id, by, at, text}]}`, each with what it carries
- `deleted` `{pos, n, versions: [{pos, n, id, by, at}]}`
- `reaction` see projections/messages/reactions.py; of its topic reactions alone count
- `thread` see projections/messages/threads.py; without a lane of its own

The head of lane `sent` has the `id` of the last message beside `pos` and `n`, its `at` and its `conversation_n`. Of a
message that is the newest view on which it, or one before it in its conversation, was decided: so it never falls from
one message to the next, and a view that is new enough for one is so for all before it.

The row's id is the message's; where the body cannot be read it is the event's, which for `sent` is the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.domain import content, message
from core.ports.documents import Facet, Index, Row, Table, Write
from projections.facts import Fact, Heads, facet_of
from projections.messages import contents, reactions, threads
from schemas import topics
from schemas.events import MessageDeleted, MessageEdited, MessageSent, Reacted
from schemas.wire.views import MessageView, VersionView

MODEL: Final = "messages"
CONTENT_LANE_OF: Final = {
    topics.MESSAGE_SENT: "sent",
    topics.MESSAGE_EDITED: "edited",
    topics.MESSAGE_DELETED: "deleted",
}
"""What a message says rests on these alone."""
LANE_OF: Final = {**CONTENT_LANE_OF, topics.USER_ACTION: reactions.LANE}
THREAD: Final = Index("thread", ("conversation_id", "sent.thread_root"), "sent.n")
ROWS: Final = Table(
    MODEL,
    "messages",
    (*(Index(lane, ("conversation_id",), f"{lane}.n") for lane in LANE_OF.values()), THREAD),
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
    if isinstance(fact.event, MessageSent | MessageEdited | MessageDeleted | Reacted):
        return fact.event.message_id
    return fact.envelope.id


def fold(facts: Sequence[Fact], rows: Mapping[str, Row], heads: Heads) -> Folded:
    """Number the facts and fold their facets, from the rows and heads as they were. Deterministic; repeats change
    nothing.
    """
    found: dict[str, dict[str, Any]] = {key: dict(row) for key, row in rows.items()}
    newest: dict[str, int] = {}
    numbered = [_number(fact, found, heads, newest) for fact in facts]
    changed: dict[str, set[str]] = {}
    for one in numbered:
        if not one.repeat:
            changed.setdefault(one.row_id, set()).add(one.lane)
    for key in threads.fold(((one.fact, one.n) for one in numbered if not one.repeat), found):
        changed.setdefault(key, set()).add(threads.FACET)
    writes = [
        Write(key, _fixed(found[key]), {lane: found[key][lane] for lane in sorted(lanes)}, exists=key in rows)
        for key, lanes in changed.items()
    ]
    tenants = {fact.envelope.subject: fact.envelope.tenant for fact in facts}
    moved = [
        Write(key, {"tenant": tenants[key]}, lanes)
        for key, lanes in _named(heads.moved, numbered, newest, found).items()
    ]
    return Folded(numbered, writes, moved)


def _named(
    moved: Mapping[str, Mapping[str, Facet]],
    numbered: Sequence[Numbered],
    newest: Mapping[str, int],
    found: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Facet]]:
    """The heads as they are saved: that of `sent` names the last message and its time, and the newest view."""
    said = {
        (key, one.n): {"id": one.row_id, "at": found[one.row_id]["sent"]["at"], "conversation_n": newest.get(key)}
        for one in numbered
        if one.lane == "sent" and (key := one.fact.envelope.subject)
    }
    return {
        key: {lane: {**facet, **(said[key, facet["n"]] if lane == "sent" else {})} for lane, facet in lanes.items()}
        for key, lanes in moved.items()
    }


def _fixed(row: Row) -> dict[str, str]:
    return {"tenant": row["tenant"], "conversation_id": row["conversation_id"]}


def _number(fact: Fact, found: dict[str, dict[str, Any]], heads: Heads, newest: dict[str, int]) -> Numbered:
    lane, key, conversation_id = LANE_OF[fact.topic], row_id(fact), fact.envelope.subject
    row = found.setdefault(key, {"tenant": fact.envelope.tenant, "conversation_id": conversation_id})
    facet = facet_of(row, lane)
    told = told_in(facet, lane, fact.envelope.id)
    if told is not None and told["pos"] < fact.position:
        return Numbered(fact, lane, key, told["n"], repeat=True, conflict=_differs(row, key, told, fact.event))
    beyond = lane == reactions.LANE and told is None and reactions.beyond(facet, fact.position)
    if facet is not None and beyond and heads.covers(conversation_id, lane, fact.position):
        return Numbered(fact, lane, key, facet["n"])  # it was folded when the facet was full: the newest number
    if lane == "sent":
        _sees(newest, fact, told, heads.facet(conversation_id, lane))
    n = heads.number(conversation_id, lane, fact.position, None if told is None else told["n"])
    if told is None and not beyond:
        row[lane] = _after(facet, lane, fact, n, newest)
    return Numbered(fact, lane, key, n)


def _sees(newest: dict[str, int], fact: Fact, told: Mapping[str, Any] | None, head: Facet) -> None:
    """Count the view that a message was decided on, which may be in its row already, into its conversation's."""
    key, before = fact.envelope.subject, {} if told is None else told
    own = fact.event.conversation_n if isinstance(fact.event, MessageSent) else 0
    known: int = newest[key] if key in newest else head.get("conversation_n") or 0
    newest[key] = max(known, own, before.get("conversation_n", 0))


def _after(facet: Facet | None, lane: str, fact: Fact, n: int, newest: Mapping[str, int]) -> Facet:
    """The facet with this fact, its `n`-th."""
    if lane == reactions.LANE:
        return reactions.after(facet, fact, n)
    if lane == "sent":
        return {**sent_facet(fact, n), "conversation_n": newest[fact.envelope.subject]}
    return added_version(facet, fact, n)


def told_in(facet: Facet | None, lane: str, event_id: str) -> Mapping[str, Any] | None:
    """Where this event stands in the facet, if it is in it."""
    if facet is None or lane == "sent":
        return facet
    if lane == reactions.LANE:
        return reactions.told_in(facet, event_id)
    return next((version for version in facet["versions"] if version["id"] == event_id), None)


def _differs(row: Mapping[str, Any], key: str, told: Mapping[str, Any], event: object) -> bool:
    """Whether the first of this id said something else; what it said and cannot be read is something else."""
    match event:
        case MessageSent():
            first = None if "unreadable" in told else content.of_event(contents.event_of(row, key, told))
            return first != content.of_event(event)
        case MessageEdited():
            return (told.get("text"), told.get("ciphertext")) != (event.text, event.ciphertext)
        case Reacted():
            return not reactions.alike(told, event)
        case _:
            return False


def sent_facet(fact: Fact, n: int) -> Facet:
    """The facet of a `message.sent`."""
    place = {"pos": fact.position, "n": n, "id": fact.envelope.id, "correlation_id": fact.envelope.correlation_id}
    match fact.event:
        case MessageSent() as event:
            return {**place, **contents.sent(event)}
        case _:
            return {**place, "sender": fact.envelope.actor, "at": fact.envelope.time, "unreadable": True}


def added_version(facet: Facet | None, fact: Fact, n: int) -> Facet:
    """The facet with one more edit or deletion at its end; an unreadable one stands there too and says nothing."""
    version: dict[str, Any] = {"pos": fact.position, "n": n, "id": fact.envelope.id, "at": fact.envelope.time}
    match fact.event:
        case MessageEdited() as event:
            version |= contents.edited(event)
        case MessageDeleted() as event:
            version |= {"by": event.deleted_by}
        case _:
            version |= {"unreadable": True}
    before = [] if facet is None else facet["versions"]
    return {"pos": fact.position, "n": n, "versions": [*before, version]}


def state_of(row: Mapping[str, Any] | None) -> message.State:
    """The merge: the facets' events in their one order (sent, edits, deletions) through the domain's `evolve`."""
    state: message.State = message.Absent()
    seq = row["sent"]["n"] if row and "sent" in row else 0
    for event in _events(row or {}):
        state = message.evolve(state, event, seq)
    return state


def _events(row: Mapping[str, Any]) -> list[message.Event]:
    sent = row.get("sent")
    if sent is None or sent.get("unreadable"):
        return []
    about = {"tenant": row["tenant"], "conversation_id": row["conversation_id"], "message_id": row["_id"]}
    return [
        contents.event_of(row, row["_id"], sent),
        *(contents.edit_of(row, row["_id"], version) for version in _versions(row, "edited")),
        *(MessageDeleted(**about, at=version["at"], deleted_by=version["by"]) for version in _versions(row, "deleted")),
    ]


def _versions(row: Mapping[str, Any], lane: str) -> list[Mapping[str, Any]]:
    """What can be read of a lane of many."""
    return [version for version in (row.get(lane) or {"versions": ()})["versions"] if "by" in version]


def is_deleted(row: Mapping[str, Any]) -> bool:
    """Whether a deletion of it was read, also before the message was."""
    return bool(_versions(row, "deleted"))


def said_in(row: Mapping[str, Any] | None) -> content.Content | None:
    """What a row's message said when it was sent; None where that is not there or cannot be read."""
    sent = facet_of(row, "sent")
    if row is None or sent is None or sent.get("unreadable"):
        return None
    return content.of_event(contents.event_of(row, row["_id"], sent))


def view(row: Row) -> MessageView | None:
    """What a reader sees of a row; None while its `sent` has not been read."""
    sent = facet_of(row, "sent")
    if sent is None:
        return None
    if "edited" not in row and "deleted" not in row:
        return _seen(row, sent, sent.get("text"), contents.carried(sent, contents.CARRIED))
    state = state_of(row)
    if isinstance(state, message.Live):
        said = {"mentions": list(state.mentions), "ciphertext": state.ciphertext}
        carried = contents.carried(sent, (*contents.STRUCTURE, *contents.REST)) | said
        return _seen(row, sent, state.text, carried, edited=state.edited)
    deleted = isinstance(state, message.Deleted)
    edited = isinstance(state, message.Deleted) and state.was.edited
    return _seen(row, sent, None, contents.carried(sent, contents.STRUCTURE), edited=edited, deleted=deleted)


def _seen(
    row: Row,
    sent: Facet,
    text: str | None,
    carried: Mapping[str, Any],
    *,
    edited: bool = False,
    deleted: bool = False,
) -> MessageView:
    return MessageView(
        conversation_id=row["conversation_id"],
        message_id=row["_id"],
        seq=sent["n"],
        sender=sent["sender"],
        text=text or None,
        at=sent["at"],
        client_msg_id=sent.get("client_msg_id", ""),
        reply_to=sent.get("reply_to"),
        edited=edited,
        deleted=deleted,
        unreadable=bool(sent.get("unreadable")),
        reactions=[] if deleted else reactions.shown(row),
        **carried,
    )


def versions(row: Row) -> list[VersionView]:
    """All that a message said, the oldest first; nothing of one that is deleted or cannot be read."""
    state = state_of(row)
    if not isinstance(state, message.Live):
        return []
    edits = [version for version in _versions(row, "edited") if version["by"] == state.sender]
    return [
        VersionView(
            at=version["at"],
            by=state.sender,
            text=version["text"] or None,
            **contents.carried(version, contents.EDITED),
        )
        for version in (row["sent"], *edits)
    ]
