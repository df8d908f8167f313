"""Marks: what one user's unread count rests on in a conversation, kept where messages are folded, never counted.

Table `marks` of the read model `messages`, one row per (conversation, user), id `{conversation_id}:{user_id}`:

- `spoke` `{pos, n}`: the newest message that the user said; `n` is its seq
- `named` `{pos, n, ids}`: the newest messages of others that named the user when they were sent, up to `NAMED_KEPT`,
  the newest last; `n` is the seq of the newest
- `edited` `{pos, n, told}`: `[seq, id]` of the messages of others that an edit made name the user, as many, each once,
  the one edited last at the end; `n` is the number of that edit, a seq is 0 where the edit does not say it

`spoke` and `named` come from `message.sent` alone, `edited` from `message.edited` alone, so each has one writer.
`spoke` is written without being read; the others are read only where a message or an edit names somebody. Most rows
are there already, so all are written as if they were.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from core.ports.documents import Facet, Row, Table, Write
from projections.facts import Fact
from projections.messages import message_rows
from projections.messages.message_rows import Numbered
from schemas.events import MessageEdited, MessageSent

ROWS: Final = Table(message_rows.MODEL, "marks")
SPOKE: Final = "spoke"
NAMED: Final = "named"
EDITED: Final = "edited"
NAMED_KEPT: Final = 100

_Changed = tuple[dict[str, str], dict[str, Facet]]
"""The fixed fields and the facets of a row to be written."""


def row_id(conversation_id: str, user_id: str) -> str:
    """The row of a user in a conversation."""
    return f"{conversation_id}:{user_id}"


def spoke(row: Mapping[str, Any] | None) -> int:
    """The seq of the newest message that the user said, 0 where there is none."""
    return int(row[SPOKE]["n"]) if row and SPOKE in row else 0


def named(row: Mapping[str, Any] | None) -> Sequence[str]:
    """The ids of the newest messages that named the user when they were sent, the newest last."""
    return list(row[NAMED]["ids"]) if row and NAMED in row else []


def unread_named(row: Mapping[str, Any] | None, floor: int) -> Sequence[str]:
    """The ids of the messages beyond `floor` that may name the user, each once: as they were sent, or by an edit."""
    if row is None:
        return ()
    newest = row[NAMED]["n"] if NAMED in row else 0
    by_edits = row[EDITED]["told"] if EDITED in row else ()
    sent = named(row) if newest > floor else ()
    return list(dict.fromkeys([*sent, *(message_id for seq, message_id in by_edits if seq == 0 or seq > floor)]))


def needed(facts: Iterable[Fact]) -> set[str]:
    """The rows that `fold` must see: those of people whom a message or an edit names."""
    return {row_id(fact.envelope.subject, user) for fact in facts for user in _named_by(fact)}


def fold(numbered: Iterable[Numbered], rows: Mapping[str, Row]) -> list[Write]:
    """The facets after these messages, from the `rows` that are `needed`; what is older changes nothing."""
    changed: dict[str, _Changed] = {}
    for one in numbered:
        if one.repeat:
            continue
        place = {"pos": one.fact.position, "n": one.n}
        if one.lane == "sent":
            _of(changed, one.fact, sender_of(one.fact))[SPOKE] = place
        for user in _named_by(one.fact):
            row = rows.get(row_id(one.fact.envelope.subject, user))
            facets = _of(changed, one.fact, user)
            if isinstance(one.fact.event, MessageEdited):
                _edit(facets, row, one.fact.event, place)
            else:
                _name(facets, row, one.row_id, place)
    return [Write(key, fixed, facets, exists=True) for key, (fixed, facets) in changed.items() if facets]


def _of(changed: dict[str, _Changed], fact: Fact, user: str) -> dict[str, Facet]:
    """The facets to be written of a user's row, to be added to."""
    key = row_id(fact.envelope.subject, user)
    if key not in changed:
        fixed = {"tenant": fact.envelope.tenant, "conversation_id": fact.envelope.subject, "user_id": user}
        changed[key] = (fixed, {})
    return changed[key][1]


def sender_of(fact: Fact) -> str:
    """Who said it; of a message that cannot be read the headers say it."""
    return fact.event.sender if isinstance(fact.event, MessageSent) else fact.envelope.actor


def _name(facets: dict[str, Facet], row: Row | None, message_id: str, place: Mapping[str, int]) -> None:
    """One more message that names a user, unless the facet has come further already."""
    before = facets.get(NAMED) or (row or {}).get(NAMED) or {"pos": -1, "ids": []}
    if place["pos"] > before["pos"]:
        facets[NAMED] = {**place, "ids": [*before["ids"], message_id][-NAMED_KEPT:]}


def _edit(facets: dict[str, Facet], row: Row | None, event: MessageEdited, place: Mapping[str, int]) -> None:
    """One more edit that names a user, unless the facet has come further already."""
    before = facets.get(EDITED) or (row or {}).get(EDITED) or {"pos": -1, "told": []}
    if place["pos"] > before["pos"]:
        others = [one for one in before["told"] if one[1] != event.message_id]
        facets[EDITED] = {**place, "told": [*others, [event.seq, event.message_id]][-NAMED_KEPT:]}


def _named_by(fact: Fact) -> Sequence[str]:
    """The others whom a message or an edit names, each once."""
    match fact.event:
        case MessageSent() as event if event.mentions:
            return [user for user in dict.fromkeys(event.mentions) if user != event.sender]
        case MessageEdited() as edit if edit.mentions:
            return [user for user in dict.fromkeys(edit.mentions) if user != edit.editor]
        case _:
            return ()
