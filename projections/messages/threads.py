"""Counts the replies of each thread in the facet `thread` `{pos, n, last}` of its first message's row.

`n` counts the messages that reply to it, or to one of its replies; `last` is the number of the newest. All are from the
topic `message.sent` and from its conversation, so the facet has one writer and one order. Deleted replies still count:
the thread shows them as deleted, and deletions have no order relative to sent messages.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import structs

from core.domain.member import Member
from core.ports.documents import Row
from projections.facts import Fact, facet_of
from schemas.events import MessageSent
from schemas.wire.views import MessageView, ThreadView

FACET: Final = "thread"


def root_of(fact: Fact) -> str | None:
    """Return the id of the first message of the thread that a fact replies in; None if it is not a reply."""
    return fact.event.thread_root if isinstance(fact.event, MessageSent) else None


def needed(facts: Iterable[Fact]) -> set[str]:
    """Return the ids of the rows that `fold` needs."""
    return {root for fact in facts if (root := root_of(fact)) is not None}


def fold(sent: Iterable[tuple[Fact, int]], rows: dict[str, dict[str, Any]]) -> set[str]:
    """Count these messages, each with its number and none a repeat, in the `rows` of their threads; return the ids of
    the changed rows. A message that was counted before changes nothing.
    """
    changed = set[str]()
    for fact, seq in sent:
        if (root := root_of(fact)) is None:
            continue
        row = rows.setdefault(root, {"tenant": fact.envelope.tenant, "conversation_id": fact.envelope.subject})
        before = row.get(FACET) or {"pos": -1, "n": 0}
        if fact.position > before["pos"]:
            row[FACET] = {"pos": fact.position, "n": before["n"] + 1, "last": seq}
            changed.add(root)
    return changed


def counted(view: MessageView, row: Mapping[str, Any] | Row, reader: Member) -> MessageView:
    """Return the view with the number of replies. Without it if the reader may not read the newest of them: a former
    member must not learn how many were sent later.
    """
    facet = facet_of(row, FACET)
    if facet is None or not reader.reads(facet["last"]):
        return view
    return structs.replace(view, thread=ThreadView(count=facet["n"], last_seq=facet["last"]))
