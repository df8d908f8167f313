"""Threads: how many answers a message has, kept on its row as the facet `thread` `{pos, n, last}`.

`n` counts the messages that answer it, or an answer to it; `last` is the number of the newest of them. All are of the
topic `message.sent` and of its conversation, so the facet has one writer and one order. What was deleted is counted
still: it stands in the thread as deleted, and deletions have no order with what is sent.
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
    """The message that began the thread in which a fact answers, if it does."""
    return fact.event.thread_root if isinstance(fact.event, MessageSent) else None


def needed(facts: Iterable[Fact]) -> set[str]:
    """The rows that `fold` must see."""
    return {root for fact in facts if (root := root_of(fact)) is not None}


def fold(answers: Iterable[tuple[Fact, int]], rows: dict[str, dict[str, Any]]) -> set[str]:
    """Count these messages, each with its number and none a repeat, on the `rows` of what they answer; which of these
    changed. One that was counted before changes nothing.
    """
    changed = set[str]()
    for fact, seq in answers:
        if (root := root_of(fact)) is None:
            continue
        row = rows.setdefault(root, {"tenant": fact.envelope.tenant, "conversation_id": fact.envelope.subject})
        before = row.get(FACET) or {"pos": -1, "n": 0}
        if fact.position > before["pos"]:
            row[FACET] = {"pos": fact.position, "n": before["n"] + 1, "last": seq}
            changed.add(root)
    return changed


def counted(view: MessageView, row: Mapping[str, Any] | Row, reader: Member) -> MessageView:
    """What a reader sees of a message, with its answers counted: not where the newest of these is not theirs to read,
    since how many came after they left is not theirs to know.
    """
    facet = facet_of(row, FACET)
    if facet is None or not reader.reads(facet["last"]):
        return view
    return structs.replace(view, thread=ThreadView(count=facet["n"], last_seq=facet["last"]))
