"""Marks: what one user's unread count rests on in a conversation, kept where messages are folded, never counted.

Table `marks` of the read model `messages`, one row per (conversation, user), id `{conversation_id}:{user_id}`:

- `spoke` `{pos, n}`: the newest message that the user said; `n` is its seq
- `named` `{pos, n, ids}`: the newest messages of others that named the user when they were sent, up to `NAMED_KEPT`,
  the newest last; `n` is the seq of the newest

Both come from `message.sent` alone, so each has one writer. `spoke` is written without being read; `named` is read
only where a message names somebody. Most rows are there already, so all are written as if they were.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from core.ports.documents import Facet, Row, Table, Write
from projections import messages
from projections.facts import Fact
from projections.messages import Numbered
from schemas.events import MessageSent

ROWS: Final = Table(messages.MODEL, "marks")
SPOKE: Final = "spoke"
NAMED: Final = "named"
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


def needed(facts: Iterable[Fact]) -> set[str]:
    """The rows that `fold` must see: those of people whom a message names."""
    return {row_id(fact.envelope.subject, user) for fact in facts for user in _named_by(fact)}


def fold(numbered: Iterable[Numbered], rows: Mapping[str, Row]) -> list[Write]:
    """The facets after these messages, from the `rows` that are `needed`; what is older changes nothing."""
    changed: dict[str, _Changed] = {}
    for one in numbered:
        if one.lane == "sent" and not one.repeat:
            place = {"pos": one.fact.position, "n": one.n}
            _of(changed, one.fact, sender_of(one.fact))[SPOKE] = place
            for user in _named_by(one.fact):
                row = rows.get(row_id(one.fact.envelope.subject, user))
                _name(_of(changed, one.fact, user), row, one.row_id, place)
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


def _named_by(fact: Fact) -> Sequence[str]:
    """The others whom a message names, each once."""
    if not isinstance(event := fact.event, MessageSent) or not event.mentions:
        return ()
    return [user for user in dict.fromkeys(event.mentions) if user != event.sender]
