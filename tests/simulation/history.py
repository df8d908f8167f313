"""The log as it was at every moment: what rooms and messages were when somebody asked, and until he was answered."""

from collections.abc import Mapping
from typing import Any

from schemas import topics
from tests.simulation import fold
from tests.simulation.edges import Asked
from tests.simulation.fold import LANES, Told
from tests.simulation.rooms import Room, after
from tests.simulation.world import World


class History:
    """Rooms and messages, each with the moments when they changed; a moment is a count of records."""

    def __init__(self, world: World) -> None:
        self.first: dict[str, int] = {}
        self.rooms: dict[str, list[tuple[int, Room | None]]] = {}
        self.sent: dict[str, tuple[int, Told]] = {}
        self.deleted: dict[str, list[tuple[int, Told]]] = {}
        self.reacted: dict[str, list[tuple[int, Told]]] = {}
        self.seqs: dict[str, int] = {}
        self.says: dict[str, list[int]] = {}
        self.named: dict[str, set[Any]] = {}
        self.returns: dict[str, list[int]] = {}
        numbers: dict[str, int] = {}
        for moment, record in enumerate(world.ledger.order, start=1):
            event = fold.told(record)
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
        """What the room was at some moment from question to answer."""
        known = self.rooms.get(key, [(0, None)])
        begin = max(moment for moment, _ in known if moment <= asked.asked)
        return [room for moment, room in known if begin <= moment <= asked.answered]

    def message(self, message_id: str, key: str, asked: Asked) -> tuple[Told | None, bool]:
        """The message if it was there when it was asked about, and whether it was deleted by the answer."""
        moment, event = self.sent.get(message_id, (1 << 60, None))
        there = event if event is not None and moment <= asked.asked and event.key == key else None
        return there, any(at <= asked.answered for at, _ in self.deleted.get(message_id, ()))

    def on(self, message_id: str, user: str, emoji: str, asked: Asked) -> set[bool]:
        """Whether the user had this emoji on, at each moment from question to answer."""
        stood, during = False, set[bool]()
        for moment, event in self.reacted.get(message_id, ()):
            body = event.body or {}
            if (body["user_id"], fold.bare(body["emoji"])) == (user, fold.bare(emoji)) and moment <= asked.answered:
                during |= {stood} if moment > asked.asked else set()
                stood = body["on"]
        return during | {stood}

    def around(self, key: str, event_id: str) -> tuple[Room | None, Room | None]:
        """The room before and after an event about it."""
        known, moment = self.rooms.get(key, []), self.first.get(event_id, -1)
        at = next((place for place, (when, _) in enumerate(known) if when == moment), 0)
        return (known[at - 1][1], known[at][1]) if at else (None, None)


def _named(body: Mapping[str, Any]) -> set[Any]:
    """The people that an event names, or each with the role that it gives them."""
    return {*body.get("participants", ()), *body.get("roles", {}).items()}
