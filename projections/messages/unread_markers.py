"""Folds marks: the data of a user's unread counts in a conversation, written by the fold of messages; not counts.

Table `marks` of the read model `messages`, one row per (conversation, user), id `{conversation_id}:{user_id}`:

- `spoke` `{pos, n}`: the newest message that the user sent; `n` is its seq
- `named` `{pos, n, ids}`: the newest messages of others that named the user when they were sent, up to `NAMED_KEPT`,
  the newest last; `n` is the seq of the newest
- `edited` `{pos, n, told}`: `[seq, id]` of the messages of others that an edit made name the user, with the same limit,
  each once, the last edited at the end; `n` is that edit's number; a seq is 0 if the edit does not have it

`spoke` and `named` come from `message.sent` alone, `edited` from `message.edited` alone, so each has one writer.
`spoke` is written without being read; the others are read only if a message or an edit names a user. Most rows exist
already, so all are written with `exists`.
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
"""The fixed fields and the facets of a row to write."""


def row_id(conversation_id: str, user_id: str) -> str:
    """Return the id of the row of a user in a conversation."""
    return f"{conversation_id}:{user_id}"


def spoke(row: Mapping[str, Any] | None) -> int:
    """Return the seq of the newest message that the user sent; 0 if there is none."""
    return int(row[SPOKE]["n"]) if row and SPOKE in row else 0


def named(row: Mapping[str, Any] | None) -> Sequence[str]:
    """Return the ids of the newest messages that named the user when they were sent, the newest last."""
    return list(row[NAMED]["ids"]) if row and NAMED in row else []


def unread_named(row: Mapping[str, Any] | None, floor: int) -> Sequence[str]:
    """Return the ids of messages after `floor` that may name the user, each once: as sent, or by an edit."""
    if row is None:
        return ()
    newest = row[NAMED]["n"] if NAMED in row else 0
    by_edits = row[EDITED]["told"] if EDITED in row else ()
    sent = named(row) if newest > floor else ()
    return list(dict.fromkeys([*sent, *(message_id for seq, message_id in by_edits if seq == 0 or seq > floor)]))


def needed(facts: Iterable[Fact]) -> set[str]:
    """Return the ids of the rows that `fold` needs: those of users whom a message or an edit names."""
    return {row_id(fact.envelope.subject, user) for fact in facts for user in _mentioned_by(fact)}


def fold(numbered: Iterable[Numbered], rows: Mapping[str, Row]) -> list[Write]:
    """Return the facets after these messages, from the `needed` rows; older messages change nothing."""
    changed: dict[str, _Changed] = {}
    for one in numbered:
        if one.repeat:
            continue
        place = {"pos": one.fact.position, "n": one.n}
        if one.lane == "sent":
            _facets_of(changed, one.fact, sender_of(one.fact))[SPOKE] = place
        for user in _mentioned_by(one.fact):
            row = rows.get(row_id(one.fact.envelope.subject, user))
            facets = _facets_of(changed, one.fact, user)
            if isinstance(one.fact.event, MessageEdited):
                _add_edit(facets, row, one.fact.event, place)
            else:
                _add_message(facets, row, one.row_id, place)
    return [Write(key, fixed, facets, exists=True) for key, (fixed, facets) in changed.items() if facets]


def _facets_of(changed: dict[str, _Changed], fact: Fact, user: str) -> dict[str, Facet]:
    """Return the facets to write of a user's row, for adding to them."""
    key = row_id(fact.envelope.subject, user)
    if key not in changed:
        fixed = {"tenant": fact.envelope.tenant, "conversation_id": fact.envelope.subject, "user_id": user}
        changed[key] = (fixed, {})
    return changed[key][1]


def sender_of(fact: Fact) -> str:
    """Return a message's sender; for an unreadable one the actor in its headers."""
    return fact.event.sender if isinstance(fact.event, MessageSent) else fact.envelope.actor


def _add_message(facets: dict[str, Facet], row: Row | None, message_id: str, place: Mapping[str, int]) -> None:
    """Add a message that names a user, unless the facet is newer."""
    before = facets.get(NAMED) or (row or {}).get(NAMED) or {"pos": -1, "ids": []}
    if place["pos"] > before["pos"]:
        facets[NAMED] = {**place, "ids": [*before["ids"], message_id][-NAMED_KEPT:]}


def _add_edit(facets: dict[str, Facet], row: Row | None, event: MessageEdited, place: Mapping[str, int]) -> None:
    """Add an edit that names a user, unless the facet is newer."""
    before = facets.get(EDITED) or (row or {}).get(EDITED) or {"pos": -1, "told": []}
    if place["pos"] > before["pos"]:
        others = [one for one in before["told"] if one[1] != event.message_id]
        facets[EDITED] = {**place, "told": [*others, [event.seq, event.message_id]][-NAMED_KEPT:]}


def _mentioned_by(fact: Fact) -> Sequence[str]:
    """Return the other users whom a message or an edit names, each once."""
    match fact.event:
        case MessageSent() as event if event.mentions:
            return [user for user in dict.fromkeys(event.mentions) if user != event.sender]
        case MessageEdited() as edit if edit.mentions:
            return [user for user in dict.fromkeys(edit.mentions) if user != edit.editor]
        case _:
            return ()
