"""Folds inboxes: each user's private state, one row per (user, conversation), numbered in the user's lane.

- table `inbox`, id `{tenant}:{user_id}:{conversation_id}`, facet `inbox` `{pos, n, read, read_at, muted, muted_until,
  archived, archived_seq, keep_archived, pinned, hidden, numbered}`: the whole folded state (core.domain.inbox); `pos`
  and `n` are those of the newest event about this conversation. A thread with a read cursor of its own has its own
  row, with `:{thread}` after the id and the field `thread` beside its conversation
- table `acts`, one row per event that is not a cursor, id = event id, facet `act` (actions.py): detects repeats. It is
  saved first, so a row that covers a position proves that its act is visible.
- table `heads`, id `{tenant}:{user_id}`, facet `user` `{pos, n}`

All of a user's events have one topic and one key, hence one writer and one order. A cursor has no act: a repeated
cursor takes another number and changes nothing, since cursors only grow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from core.domain.inbox import Inbox, evolve
from core.ports.documents import Facet, Index, Row, Table, Write
from projections.facts import Fact, Inconsistent, LaneCounter
from projections.inbox import actions
from schemas import events, ids
from schemas.commands import NAME_OF
from schemas.commands.inbox import HideMessage
from schemas.events.inbox import (
    CursorMoved,
    InboxEvent,
)
from schemas.wire import frames
from schemas.wire.views import InboxView

MODEL: Final = "inbox"
LANE: Final = frames.USER
FACET: Final = "inbox"
PINNED: Final = Index("pinned", ("owner",), "inbox.pinned")
HIDDEN: Final = Index("hidden", ("owner", "conversation_id"), "act.seq")
ROWS: Final = Table(MODEL, "inbox", (Index("user", ("owner",), "inbox.n"), PINNED))
ACTS: Final = Table(MODEL, "acts", (Index("user", ("owner",), "act.n"), HIDDEN))
HEADS: Final = Table(MODEL, "heads")
FAMILIES: Final = frozenset(events.TYPE_OF[event].rpartition(".")[0] for event in get_args(InboxEvent))


def takes(event_type: str) -> bool:
    """Return whether this model folds events of this type, of any version; `user.action` has other events too."""
    return event_type.rpartition(".")[0] in FAMILIES


# Names


def key_of(tenant: str, user_id: str) -> str:
    """Return the `owner` of a user's rows, which is also the id of the user's head."""
    return f"{tenant}:{user_id}"


def channel_of(tenant: str, user_id: str) -> str:
    """Return what a push in a user's lane has as conversation id, and the user's nodes enter in the node registry."""
    return f"user:{key_of(tenant, user_id)}"


def key_of_channel(channel: str) -> str:
    """Return the key of a user (`key_of`) from their channel (`channel_of`)."""
    return channel.removeprefix("user:")


def row_id(tenant: str, user_id: str, conversation_id: str, thread: str | None = None) -> str:
    """Return the id of the row of a user's conversation, or of a thread of it."""
    key = f"{key_of(tenant, user_id)}:{conversation_id}"
    return key if thread is None else f"{key}:{thread}"


def hidden_id(tenant: str, user_id: str, message_id: str) -> str:
    """Return the id of the event and act by which a user hides a message: it is hidden if the act exists."""
    return ids.derive(tenant, message_id, user_id, NAME_OF[HideMessage], "")


def owner_of(fact: Fact) -> str:
    """Return the owner of a fact, from its headers."""
    return key_of(fact.envelope.tenant, fact.envelope.subject)


def event_of(fact: Fact) -> InboxEvent | None:
    """Return the event of a fact; None if it cannot be read."""
    return fact.event if isinstance(fact.event, InboxEvent) else None


def row_of(fact: Fact) -> str | None:
    """Return the id of the row that a fact changes; None if it cannot be read."""
    event = event_of(fact)
    return None if event is None else _row_of(fact, event)


def thread_of(event: InboxEvent) -> str | None:
    """Return the thread that an event is about; None if it is about the whole conversation."""
    return event.thread if isinstance(event, CursorMoved) else None


def _row_of(fact: Fact, event: InboxEvent) -> str:
    return row_id(fact.envelope.tenant, fact.envelope.subject, event.conversation_id, thread_of(event))


# Fold


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """A fact with its number and the id of its row. `n` of a cursor that was folded before is the number in its row,
    that of the newest event about the conversation.

    A `repeat` has the id of an earlier event, `conflict` another body than that.
    """

    fact: Fact
    n: int
    row_id: str | None
    repeat: bool = False
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class Folded:
    """The result of a batch; `acts` are saved before `rows`, these before `heads`."""

    numbered: Sequence[NumberedEvent]
    acts: Sequence[Write]
    rows: Sequence[Write]
    heads: Sequence[Write]


class _Folding:
    """The fold of one batch: its current facets."""

    def __init__(self, rows: Mapping[str, Row], known: Mapping[str, Row], heads: LaneCounter) -> None:
        self.existing = rows.keys()
        self.facets: dict[str, Facet] = {key: row[FACET] for key, row in rows.items()}
        self.acts: dict[str, Facet] = {key: row[actions.FACET] for key, row in known.items()}
        self.heads = heads
        self.written_acts: dict[str, Write] = {}
        self.written_rows: dict[str, Write] = {}

    def add(self, fact: Fact) -> NumberedEvent:
        """Number and fold the next fact."""
        if isinstance(fact.event, CursorMoved):
            return self._cursor(fact, _row_of(fact, fact.event), fact.event)
        event, key, act = event_of(fact), row_of(fact), self.acts.get(fact.envelope.id)
        if act is not None and act["pos"] < fact.position:
            return NumberedEvent(fact, act["n"], key, repeat=True, conflict=actions.differs(act, event))
        n = self.heads.number(owner_of(fact), LANE, fact.position, None if act is None else act["n"])
        applied = event is not None and key is not None and self._fold(fact, key, event, n)
        if act is None:
            self.acts[fact.envelope.id] = facet = actions.facet_of(fact.position, n, event, applied=applied)
            self.written_acts[fact.envelope.id] = Write(fact.envelope.id, _fixed(fact, event), {actions.FACET: facet})
        return NumberedEvent(fact, n, key)

    def _cursor(self, fact: Fact, key: str, event: CursorMoved) -> NumberedEvent:
        before, owner = self.facets.get(key), owner_of(fact)
        known = None
        if before is not None and fact.position <= before["pos"]:
            newest = fact.position == before["pos"] or self.heads.covers(owner, LANE, fact.position)
            known = before["n"] if newest else None
        n = self.heads.number(owner, LANE, fact.position, known)
        self._fold(fact, key, event, n)
        return NumberedEvent(fact, n, key)

    def _fold(self, fact: Fact, key: str, event: InboxEvent, n: int) -> bool:
        """Fold it into its row unless the row is newer; return whether that changed the state."""
        before = self.facets.get(key)
        if before is not None and fact.position <= before["pos"]:
            if not isinstance(event, CursorMoved) and fact.envelope.id not in self.acts:
                raise Inconsistent(f"the row {key} covers {fact.position}, which has no act")
            return False
        state = Inbox() if before is None else state_of(before)
        after = evolve(state, event, n)
        self.facets[key] = facet = {"pos": fact.position, "n": n, **_fields(after)}
        self.written_rows[key] = Write(key, _fixed(fact, event), {FACET: facet}, exists=key in self.existing)
        return after != state


def fold(facts: Sequence[Fact], rows: Mapping[str, Row], known: Mapping[str, Row], heads: LaneCounter) -> Folded:
    """Number the facts and fold the rows; `known` are the acts. Read heads before rows, and rows before acts."""
    folding = _Folding(rows, known, heads)
    numbered = [folding.add(fact) for fact in facts]
    envelopes = {owner_of(fact): fact.envelope for fact in facts}
    return Folded(
        numbered=numbered,
        acts=list(folding.written_acts.values()),
        rows=list(folding.written_rows.values()),
        heads=[
            Write(key, {"tenant": envelopes[key].tenant, "user_id": envelopes[key].subject}, lanes)
            for key, lanes in heads.moved.items()
        ],
    )


def _fixed(fact: Fact, event: InboxEvent | None) -> dict[str, str]:
    thread = None if event is None else thread_of(event)
    return {
        "tenant": fact.envelope.tenant,
        "user_id": fact.envelope.subject,
        "conversation_id": "" if event is None else event.conversation_id,
        "owner": owner_of(fact),
        **({} if thread is None else {"thread": thread}),
    }


# Rows


def state_of(facet: Facet | None) -> Inbox:
    """Return the state in a facet; facets of older versions lack fields."""
    return Inbox() if facet is None else Inbox(**{name: facet[name] for name in Inbox.__slots__ if name in facet})


def _fields(state: Inbox) -> dict[str, Any]:
    return {name: getattr(state, name) for name in Inbox.__slots__}


def view(row: Row, hidden: str | None = None) -> InboxView:
    """Return the user's view of a row; `hidden` is the message that an act hides, which only the act names."""
    return view_of(row["conversation_id"], state_of(row.get(FACET)), hidden, row.get("thread"))


def view_of(conversation_id: str, state: Inbox, hidden: str | None = None, thread: str | None = None) -> InboxView:
    """Return the user's view of a conversation; `Inbox()` is its state before the user's first action."""
    return InboxView(
        conversation_id=conversation_id,
        read=state.read,
        muted=state.muted,
        muted_until=state.muted_until,
        archived=state.archived,
        archived_seq=state.archived_seq,
        keep_archived=state.keep_archived,
        pinned=state.pinned or None,
        hidden=hidden,
        thread=thread,
    )
