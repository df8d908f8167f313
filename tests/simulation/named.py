"""Check the marks used by unread counts (mentions in messages and edits, last sender) against the log."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.fold import LogEvent, Whole
from tests.simulation.world import World

Broken = Iterator[str]
KEPT = 100


@dataclass
class Marks:
    """The marks of one user in one conversation, by the log."""

    spoke: int = 0
    sent: list[tuple[int, str]] = field(default_factory=list)
    edits: list[tuple[int, int, str]] = field(default_factory=list)

    @property
    def edited(self) -> list[list[Any]]:
        """`[seq, id]` of the newest edits, each message once."""
        last = {message_id: (n, seq) for n, seq, message_id in sorted(self.edits)}
        return [[seq, message_id] for message_id, (_, seq) in sorted(last.items(), key=lambda one: one[1])][-KEPT:]


def named(world: World, whole: Whole) -> Broken:
    """Law 18: marks have the last message sent, and mentions in the newest messages and edits; edits have a `seq`."""
    rows = world.watch.rows("messages", "marks")
    expected = _expected(whole)
    for unknown in rows.keys() - expected.keys():
        yield f"law 18: there are marks {unknown} of no record"
    for key, marks in expected.items():
        row = rows.get(key, {})
        found = (row.get("spoke", {}).get("n", 0), row.get("named", {}).get("ids", []))
        if found != (marks.spoke, [message_id for _, message_id in sorted(marks.sent)][-KEPT:]):
            yield f"law 18: {key} is {row}, the log says {marks}"
        if row.get("edited", {}).get("told", []) != marks.edited:
            yield f"law 18: {key} is edited as {row.get('edited')}, the log says {marks.edited}"
    for message_id, said in whole.said.items():
        for body in (event.body for _, event in said.edits if event.body is not None):
            if said.sent is None or body.get("seq", 0) != said.sent[0]:
                yield f"law 18: an edit of {message_id} says that it is {body.get('seq')}, and it is {said.sent}"


def _expected(whole: Whole) -> dict[str, Marks]:
    found: dict[str, Marks] = {}
    for message_id, said in whole.said.items():
        if said.sent is not None:
            n, event = said.sent
            sender = event.actor if event.body is None else event.body["sender"]
            spoken = found.setdefault(f"{event.key}:{sender}", Marks())
            spoken.spoke = max(spoken.spoke, n)
            for user in _others(event, sender):
                found.setdefault(f"{event.key}:{user}", Marks()).sent.append((n, message_id))
        for n, event in said.edits:
            for user in _others(event, "" if event.body is None else event.body["editor"]):
                seq = 0 if event.body is None else event.body.get("seq", 0)
                found.setdefault(f"{event.key}:{user}", Marks()).edits.append((n, seq, message_id))
    return found


def _others(event: LogEvent, author: str) -> set[str]:
    """Return the mentioned users other than the author."""
    return set() if event.body is None else set(event.body.get("mentions", ())) - {author}
