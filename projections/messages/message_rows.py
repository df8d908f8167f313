"""Folds messages: facets from four topics, numbered in four lanes, merged into a reader's view.

- `sent`    `{pos, n, id, sender, client_msg_id, text, reply_to, conversation_n, at, correlation_id, unreadable}`, and
  its optional fields (projections.messages.contents)
- `edited`  `{pos, n, versions: [{pos, n, id, by, at, text}]}`, each with its optional fields
- `deleted` `{pos, n, versions: [{pos, n, id, by, at}]}`
- `reaction` see projections/messages/reactions.py; only the reactions of its topic are folded
- `thread` see projections/messages/threads.py; without a lane of its own

The head of lane `sent` has, beside `pos` and `n`, the last message's `id`, `at` and `conversation_n`. A message's
`conversation_n` is the newest view of the conversation on which it or any message before it was decided: so it never
decreases from one message to the next, and a view that is new enough for one is so for all before it.

The row's id is the message's; if the body cannot be read it is the event's, which for `sent` is the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.domain import content, message
from core.ports.documents import Facet, Index, Row, Table, Write
from projections.facts import Fact, LaneCounter, facet_of
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
"""The topics that a message's content depends on, with their lanes."""
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
    """A fact with its row's id and its number. A `repeat` has the id of an earlier event, `conflict` another body."""

    fact: Fact
    lane: str
    row_id: str
    n: int
    repeat: bool = False
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class Folded:
    """The result of a batch: every fact numbered, and the facets and heads to save."""

    numbered: Sequence[Numbered]
    rows: Sequence[Write]
    heads: Sequence[Write]


def row_id(fact: Fact) -> str:
    """Return the id of the row that a fact changes."""
    if isinstance(fact.event, MessageSent | MessageEdited | MessageDeleted | Reacted):
        return fact.event.message_id
    return fact.envelope.id


def fold(facts: Sequence[Fact], rows: Mapping[str, Row], heads: LaneCounter) -> Folded:
    """Number the facts and fold their facets, from the rows and heads before them. Deterministic; repeats change
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
        for key, lanes in _complete_heads(heads.moved, numbered, newest, found).items()
    ]
    return Folded(numbered, writes, moved)


def _complete_heads(
    moved: Mapping[str, Mapping[str, Facet]],
    numbered: Sequence[Numbered],
    newest: Mapping[str, int],
    found: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Facet]]:
    """Return the heads to save: that of `sent` gets the last message's id and time, and the newest view."""
    last = {
        (key, one.n): {"id": one.row_id, "at": found[one.row_id]["sent"]["at"], "conversation_n": newest.get(key)}
        for one in numbered
        if one.lane == "sent" and (key := one.fact.envelope.subject)
    }
    return {
        key: {lane: {**facet, **(last[key, facet["n"]] if lane == "sent" else {})} for lane, facet in lanes.items()}
        for key, lanes in moved.items()
    }


def _fixed(row: Row) -> dict[str, str]:
    return {"tenant": row["tenant"], "conversation_id": row["conversation_id"]}


def _number(fact: Fact, found: dict[str, dict[str, Any]], heads: LaneCounter, newest: dict[str, int]) -> Numbered:
    lane, key, conversation_id = LANE_OF[fact.topic], row_id(fact), fact.envelope.subject
    row = found.setdefault(key, {"tenant": fact.envelope.tenant, "conversation_id": conversation_id})
    facet = facet_of(row, lane)
    known = find_event(facet, lane, fact.envelope.id)
    if known is not None and known["pos"] < fact.position:
        return Numbered(fact, lane, key, known["n"], repeat=True, conflict=_differs(row, key, known, fact.event))
    untracked = lane == reactions.LANE and known is None and reactions.is_untracked(facet, fact.position)
    if facet is not None and untracked and heads.covers(conversation_id, lane, fact.position):
        return Numbered(fact, lane, key, facet["n"])  # folded when the facet was full: the newest number
    if lane == "sent":
        _update_newest_view(newest, fact, known, heads.facet(conversation_id, lane))
    n = heads.number(conversation_id, lane, fact.position, None if known is None else known["n"])
    if known is None and not untracked:
        row[lane] = _with_fact(facet, lane, fact, n, newest)
    return Numbered(fact, lane, key, n)


def _update_newest_view(newest: dict[str, int], fact: Fact, known: Mapping[str, Any] | None, head: Facet) -> None:
    """Raise the conversation's newest view to that of this message, which may be in its row already."""
    key, before = fact.envelope.subject, {} if known is None else known
    own = fact.event.conversation_n if isinstance(fact.event, MessageSent) else 0
    so_far: int = newest[key] if key in newest else head.get("conversation_n") or 0
    newest[key] = max(so_far, own, before.get("conversation_n", 0))


def _with_fact(facet: Facet | None, lane: str, fact: Fact, n: int, newest: Mapping[str, int]) -> Facet:
    """Return the facet with this fact, its `n`-th."""
    if lane == reactions.LANE:
        return reactions.after(facet, fact, n)
    if lane == "sent":
        return {**sent_facet(fact, n), "conversation_n": newest[fact.envelope.subject]}
    return added_version(facet, fact, n)


def find_event(facet: Facet | None, lane: str, event_id: str) -> Mapping[str, Any] | None:
    """Return the facet's entry of this event; None if it has none."""
    if facet is None or lane == "sent":
        return facet
    if lane == reactions.LANE:
        return reactions.find_event(facet, event_id)
    return next((version for version in facet["versions"] if version["id"] == event_id), None)


def _differs(row: Mapping[str, Any], key: str, known: Mapping[str, Any], event: object) -> bool:
    """Return whether the first event of this id, kept as `known`, had another body; an unreadable message had."""
    match event:
        case MessageSent():
            first = None if "unreadable" in known else content.of_event(contents.event_of(row, key, known))
            return first != content.of_event(event)
        case MessageEdited():
            return (known.get("text"), known.get("ciphertext")) != (event.text, event.ciphertext)
        case Reacted():
            return not reactions.is_same(known, event)
        case _:
            return False


def sent_facet(fact: Fact, n: int) -> Facet:
    """Return the facet of a `message.sent`."""
    place = {"pos": fact.position, "n": n, "id": fact.envelope.id, "correlation_id": fact.envelope.correlation_id}
    match fact.event:
        case MessageSent() as event:
            return {**place, **contents.sent(event)}
        case _:
            return {**place, "sender": fact.envelope.actor, "at": fact.envelope.time, "unreadable": True}


def added_version(facet: Facet | None, fact: Fact, n: int) -> Facet:
    """Return the facet with one more edit or deletion at its end; an unreadable one has an entry without content."""
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
    """Merge the row: fold the facets' events in fixed order (sent, edits, deletions) with the domain's `evolve`."""
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
    """Return the readable versions of a lane."""
    return [version for version in (row.get(lane) or {"versions": ()})["versions"] if "by" in version]


def is_deleted(row: Mapping[str, Any]) -> bool:
    """Return whether the row has a deletion, even if the message itself has not been read yet."""
    return bool(_versions(row, "deleted"))


def sent_content(row: Mapping[str, Any] | None) -> content.Content | None:
    """Return the content of a row's message as it was sent; None if it is missing or unreadable."""
    sent = facet_of(row, "sent")
    if row is None or sent is None or sent.get("unreadable"):
        return None
    return content.of_event(contents.event_of(row, row["_id"], sent))


def view(row: Row) -> MessageView | None:
    """Return a reader's view of a row; None while its `sent` has not been read."""
    sent = facet_of(row, "sent")
    if sent is None:
        return None
    if "edited" not in row and "deleted" not in row:
        return _view(row, sent, sent.get("text"), contents.carried(sent, contents.CARRIED))
    state = state_of(row)
    if isinstance(state, message.Live):
        edits = {"mentions": list(state.mentions), "ciphertext": state.ciphertext}
        carried = contents.carried(sent, (*contents.STRUCTURE, *contents.REST)) | edits
        return _view(row, sent, state.text, carried, edited=state.edited)
    deleted = isinstance(state, message.Deleted)
    edited = isinstance(state, message.Deleted) and state.was.edited
    return _view(row, sent, None, contents.carried(sent, contents.STRUCTURE), edited=edited, deleted=deleted)


def _view(
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
    """Return all versions of a message, the oldest first; none of a deleted or unreadable one."""
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
