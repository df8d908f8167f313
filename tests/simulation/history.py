"""The history of the log: the states of rooms and messages between a command and its answer."""

from collections.abc import Mapping
from typing import Any

from schemas import topics
from tests.simulation import fold
from tests.simulation.edges import Asked
from tests.simulation.fold import LANES, LogEvent
from tests.simulation.rooms import Room, after
from tests.simulation.world import World


class History:
    """Rooms and messages with the moments of their changes; a moment is a count of records."""

    def __init__(self, world: World) -> None:
        self.first: dict[str, int] = {}
        self.rooms: dict[str, list[tuple[int, Room | None]]] = {}
        self.sent: dict[str, tuple[int, LogEvent]] = {}
        self.deleted: dict[str, list[tuple[int, LogEvent]]] = {}
        self.reacted: dict[str, list[tuple[int, LogEvent]]] = {}
        self.seqs: dict[str, int] = {}
        self.says: dict[str, list[int]] = {}
        self.named: dict[str, set[Any]] = {}
        self.returns: dict[str, list[int]] = {}
        numbers: dict[str, int] = {}
        for moment, record in enumerate(world.ledger.order, start=1):
            event = fold.event_of(record)
            if event is None or event.id in self.first or record.topic not in LANES or not event.counts:
                continue
            self.first[event.id] = moment
            if record.topic == topics.MESSAGE_SENT:
                numbers[event.key] = self.seqs[event.id] = numbers.get(event.key, 0) + 1
                self.says.setdefault(event.key, []).append(moment)
            if record.topic == topics.CONVERSATION_UPDATED:
                self.named[event.id] = _named(event.body or {})
                if (event.body or {}).get("reopened"):
                    self.returns.setdefault(event.key, []).append(moment)
                known = self.rooms.setdefault(event.key, [(0, None)])
                known.append((moment, after(known[-1][1], event.type, event.body, len(known))))
            elif record.topic == topics.MESSAGE_SENT and event.body is not None:
                self.sent[event.id] = moment, event
            elif record.topic == topics.MESSAGE_DELETED and event.body is not None:
                self.deleted.setdefault(event.row, []).append((moment, event))
            elif record.topic == topics.USER_ACTION and event.body is not None and not event.own:
                self.reacted.setdefault(event.row, []).append((moment, event))

    def room(self, key: str, asked: Asked) -> list[Room | None]:
        """Return the states of the room from command to answer."""
        known = self.rooms.get(key, [(0, None)])
        begin = max(moment for moment, _ in known if moment <= asked.asked)
        return [room for moment, room in known if begin <= moment <= asked.answered]

    def message(self, message_id: str, key: str, asked: Asked) -> tuple[LogEvent | None, bool]:
        """Return the message if it existed at the command, and whether it was deleted by the time of the answer."""
        moment, event = self.sent.get(message_id, (1 << 60, None))
        there = event if event is not None and moment <= asked.asked and event.key == key else None
        return there, any(at <= asked.answered for at, _ in self.deleted.get(message_id, ()))

    def on(self, message_id: str, user: str, emoji: str, asked: Asked) -> set[bool]:
        """Return whether the user had this emoji on the message, at each moment from command to answer."""
        on, during = False, set[bool]()
        for moment, event in self.reacted.get(message_id, ()):
            body = event.body or {}
            if (body["user_id"], fold.bare(body["emoji"])) == (user, fold.bare(emoji)) and moment <= asked.answered:
                during |= {on} if moment > asked.asked else set()
                on = body["on"]
        return during | {on}

    def around(self, key: str, event_id: str) -> tuple[Room | None, Room | None]:
        """Return the room before and after an event."""
        known, moment = self.rooms.get(key, []), self.first.get(event_id, -1)
        at = next((place for place, (when, _) in enumerate(known) if when == moment), 0)
        return (known[at - 1][1], known[at][1]) if at else (None, None)


def _named(body: Mapping[str, Any]) -> set[Any]:
    """Return the users of an event, or each with their new role."""
    return {*body.get("participants", ()), *body.get("roles", {}).items()}
