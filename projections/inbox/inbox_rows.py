"""Inbox: what each user keeps for themselves, one row per (user, conversation), all of it numbered in the user's lane.

- table `inbox`, id `{tenant}:{user_id}:{conversation_id}`, facet `inbox` `{pos, n, read, read_at, muted, muted_until,
  archived, archived_seq, keep_archived, pinned, hidden, numbered}`: the folded state whole (core.domain.inbox); `pos`
  and `n` are those of the newest event about this conversation. A thread that was read by itself has a row of its own,
  its id followed by `:{thread}`, and says `thread` beside its conversation
- table `acts`, one row per event that is no cursor, id = event id, facet `act` (actions.py): what tells a repeat. It is saved first, so a row that covers a position proves that its act can be seen.
- table `heads`, id `{tenant}:{user_id}`, facet `user` `{pos, n}`

All of a user's events have one topic and one key, hence one writer and one order. A cursor has no act: a cursor that
comes again takes a number again and changes nothing, since cursors only grow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.domain.inbox import Inbox, evolve
from core.ports.documents import Facet, Index, Row, Table, Write
from projections.facts import Fact, Heads, Inconsistent
from projections.inbox import actions
from schemas import events, ids
from schemas.commands import NAME_OF
from schemas.commands.inbox import HideMessage
from schemas.events.inbox import (
    ConversationArchived,
    ConversationMuted,
    ConversationPinned,
    CursorMoved,
    InboxEvent,
    MessageHidden,
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
FAMILIES: Final = frozenset(
    events.TYPE_OF[event].rpartition(".")[0]
    for event in (CursorMoved, ConversationMuted, ConversationArchived, ConversationPinned, MessageHidden)
)


def takes(event_type: str) -> bool:
    """Whether events of this type count here, in whatever version; `user.action` has others beside them."""
    return event_type.rpartition(".")[0] in FAMILIES


# Names


def key_of(tenant: str, user_id: str) -> str:
    """Whose a row is: its `owner`, and the id of the user's head."""
    return f"{tenant}:{user_id}"


def channel_of(tenant: str, user_id: str) -> str:
    """What a push in a user's lane names as its conversation, and a node that holds the user enters in presence."""
    return f"user:{key_of(tenant, user_id)}"


def row_id(tenant: str, user_id: str, conversation_id: str, thread: str | None = None) -> str:
    """The row of a user's conversation, or of a thread of it."""
    whole = f"{key_of(tenant, user_id)}:{conversation_id}"
    return whole if thread is None else f"{whole}:{thread}"


def hidden_id(tenant: str, user_id: str, message_id: str) -> str:
    """The id of the event, and so of the act, by which a user hides a message: it is hidden where there is the act."""
    return ids.derive(tenant, message_id, user_id, NAME_OF[HideMessage], "")


def owner_of(fact: Fact) -> str:
    """Whose a fact is; its headers say it."""
    return key_of(fact.envelope.tenant, fact.envelope.subject)


def event_of(fact: Fact) -> InboxEvent | None:
    """The event of a fact; None when it cannot be read."""
    return fact.event if isinstance(fact.event, InboxEvent) else None


def row_of(fact: Fact) -> str | None:
    """The row that a fact is about; None when it cannot be read."""
    event = event_of(fact)
    return None if event is None else _row_of(fact, event)


def thread_of(event: InboxEvent) -> str | None:
    """The thread that an event is about, if it is about one alone."""
    return event.thread if isinstance(event, CursorMoved) else None


def _row_of(fact: Fact, event: InboxEvent) -> str:
    return row_id(fact.envelope.tenant, fact.envelope.subject, event.conversation_id, thread_of(event))


# Fold


@dataclass(frozen=True, slots=True)
class Told:
    """A fact with its number and the row it is about. `n` of a cursor that was folded before is that of the newest
    event about its conversation, which the row stands at.

    A `repeat` was told before under the same id, `conflict` with another body.
    """

    fact: Fact
    n: int
    row_id: str | None
    repeat: bool = False
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch comes to; `acts` are saved before `rows`, these before `heads`."""

    told: Sequence[Told]
    acts: Sequence[Write]
    rows: Sequence[Write]
    heads: Sequence[Write]


class _Folding:
    """One batch being folded: the facets as they go."""

    def __init__(self, rows: Mapping[str, Row], known: Mapping[str, Row], heads: Heads) -> None:
        self.there = rows.keys()
        self.facets: dict[str, Facet] = {key: row[FACET] for key, row in rows.items()}
        self.acts: dict[str, Facet] = {key: row[actions.FACET] for key, row in known.items()}
        self.heads = heads
        self.acted: dict[str, Write] = {}
        self.written: dict[str, Write] = {}

    def tell(self, fact: Fact) -> Told:
        """One more fact, in its order."""
        if isinstance(fact.event, CursorMoved):
            return self._cursor(fact, _row_of(fact, fact.event), fact.event)
        event, key, act = event_of(fact), row_of(fact), self.acts.get(fact.envelope.id)
        if act is not None and act["pos"] < fact.position:
            return Told(fact, act["n"], key, repeat=True, conflict=actions.differs(act, event))
        n = self.heads.number(owner_of(fact), LANE, fact.position, None if act is None else act["n"])
        applied = event is not None and key is not None and self._fold(fact, key, event, n)
        if act is None:
            self.acts[fact.envelope.id] = facet = actions.facet_of(fact.position, n, event, applied=applied)
            self.acted[fact.envelope.id] = Write(fact.envelope.id, _fixed(fact, event), {actions.FACET: facet})
        return Told(fact, n, key)

    def _cursor(self, fact: Fact, key: str, event: CursorMoved) -> Told:
        before, owner = self.facets.get(key), owner_of(fact)
        known = None
        if before is not None and fact.position <= before["pos"]:
            newest = fact.position == before["pos"] or self.heads.covers(owner, LANE, fact.position)
            known = before["n"] if newest else None
        n = self.heads.number(owner, LANE, fact.position, known)
        self._fold(fact, key, event, n)
        return Told(fact, n, key)

    def _fold(self, fact: Fact, key: str, event: InboxEvent, n: int) -> bool:
        """Fold it into its row, unless the row has come further; whether that changed anything."""
        before = self.facets.get(key)
        if before is not None and fact.position <= before["pos"]:
            if not isinstance(event, CursorMoved) and fact.envelope.id not in self.acts:
                raise Inconsistent(f"the row {key} covers {fact.position}, which has no act")
            return False
        state = Inbox() if before is None else state_of(before)
        after = evolve(state, event, n)
        self.facets[key] = facet = {"pos": fact.position, "n": n, **_said(after)}
        self.written[key] = Write(key, _fixed(fact, event), {FACET: facet}, exists=key in self.there)
        return after != state


def fold(facts: Sequence[Fact], rows: Mapping[str, Row], known: Mapping[str, Row], heads: Heads) -> Folded:
    """Number the facts and fold the rows; `known` are the acts. Read heads before rows and rows before acts."""
    folding = _Folding(rows, known, heads)
    told = [folding.tell(fact) for fact in facts]
    whose = {owner_of(fact): fact.envelope for fact in facts}
    return Folded(
        told=told,
        acts=list(folding.acted.values()),
        rows=list(folding.written.values()),
        heads=[
            Write(key, {"tenant": whose[key].tenant, "user_id": whose[key].subject}, lanes)
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
    """The facet as a state; one that an older version made lacks fields."""
    return Inbox() if facet is None else Inbox(**{name: facet[name] for name in Inbox.__slots__ if name in facet})


def _said(state: Inbox) -> dict[str, Any]:
    return {name: getattr(state, name) for name in Inbox.__slots__}


def view(row: Row, hidden: str | None = None) -> InboxView:
    """What its user sees of a row; `hidden` is the message that an act hides, which alone tells of it."""
    return view_of(row["conversation_id"], state_of(row.get(FACET)), hidden, row.get("thread"))


def view_of(conversation_id: str, state: Inbox, hidden: str | None = None, thread: str | None = None) -> InboxView:
    """What a user sees of a conversation; `Inbox()` is how it is before they did anything to it."""
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
