"""Where a client stands in every lane: what comes is passed on in the order of n, each once, and a hole is seen.

A lane is known from its first number, from the notice that its user joined, or from a sync. What comes beyond a hole,
or in a lane that is not known, is held until the hole is filled or a sync has said that nothing of ours is in it.
Beyond a hole whatever else comes of that conversation is held too: an application sees no conversation with a hole in
it. A lane that is not known, as most are to whoever has just come in, holds back only itself.

The user's own lane stands beside the conversations, under a name that no conversation has.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

import msgspec

from .language.wire.frames import LANES, USER
from .wire import Event

Vector = Mapping[str, Mapping[str, int]]
"""Conversation → lane → n; and under `user` the user's own lane, of the same name."""

CHANGES: Final = "conversation"
JOINS: Final = frozenset({"created", "participants-added"})
BEGINNING: Final[Mapping[str, int]] = {lane: 0 for lane in LANES if lane != CHANGES}
ORDER: Final = (CHANGES, *BEGINNING)
"""First who is in it, then what was said, then what became of it."""


def place_of(event: Event) -> tuple[str, str]:
    """Where a push with a lane stands in a vector."""
    return (USER, USER) if event.lane == USER else (event.data["conversation_id"], event.lane or "")


def _all(_: str) -> bool:
    return True


class LanePositions:
    """The lanes of one user. `user_id` comes with the first hello; `dropped` counts what had come before."""

    def __init__(self, vector: Vector | None = None) -> None:
        self.user_id = ""
        self.dropped = 0
        self._at: dict[tuple[str, str], int] = {
            (conversation, lane): n for conversation, lanes in (vector or {}).items() for lane, n in lanes.items()
        }
        self._held: dict[str, dict[str, dict[int, Event]]] = {}
        self._goals: dict[tuple[str, str], int] = {}
        self._catching_up = False
        self._syncing = False

    @property
    def holes(self) -> bool:
        """Whether something is held."""
        return bool(self._held)

    def known(self) -> set[str]:
        """Of what it is known where one stands."""
        return {key for key, _ in self._at}

    def holds(self, covered: Callable[[str], bool]) -> bool:
        """Whether something of these is held."""
        return any(covered(key) for key in self._held)

    def vector(self) -> dict[str, dict[str, int]]:
        """What a sync asks with."""
        found: dict[str, dict[str, int]] = {}
        for (conversation, lane), n in self._at.items():
            found.setdefault(conversation, {})[lane] = n
        return found

    def take(self, event: Event) -> Iterable[Event]:
        """What can be passed on now that `event`, a push with a lane, has come."""
        key, n = place_of(event), event.n or 0
        conversation, lane = key
        held = self._held.get(conversation)
        if lane == CHANGES and event.data["change"] in JOINS:
            self._joined(event)
        at = self._at.get(key, 0 if n == 1 else None)
        if (at is not None and n <= at) or (held is not None and n in held.get(lane, ())):
            self.dropped += 1
            return self._release(conversation)
        if self._syncing and (self._catching_up or n < self._goals.get(key, 0)):
            event = msgspec.structs.replace(event, healed=True)
        if held is None and at is not None and n == at + 1:
            self._at[key] = n
            return (event,)
        self._held.setdefault(conversation, {}).setdefault(lane, {})[n] = event
        return self._release(conversation)

    def asked(self, *, catching_up: bool) -> None:
        """A sync is under way; `catching_up` after a line was lost, else because of holes."""
        self._syncing = True
        self._catching_up = catching_up
        self._goals = {(key, lane): max(held) for key, lanes in self._held.items() for lane, held in lanes.items()}

    def unanswered(self) -> None:
        """The sync under way came to nothing."""
        self._syncing = False

    def synced(self, vector: Vector, *, complete: bool, covered: Callable[[str], bool] = _all) -> list[Event]:
        """What can be passed on after a sync of what is covered that brought everything up to `vector`.

        A lane that a complete sync does not speak of (its user has left) has nothing more to wait for.
        """
        self._syncing = False
        released: list[Event] = []
        for conversation, lanes in vector.items():
            beginning = {} if conversation == USER else BEGINNING
            goals = {**beginning, **self._ends(conversation), **lanes} if complete else lanes
            released += self._advance(conversation, goals)
        if complete:
            for conversation in [key for key in self._held if key not in vector and covered(key)]:
                released += self._advance(conversation, self._ends(conversation))
        return released

    def reset(self, keys: Collection[str]) -> None:
        """These positions say more than there is: nothing is known of these any more."""
        self._at = {place: n for place, n in self._at.items() if place[0] not in keys}
        for key in keys:
            self._held.pop(key, None)

    def forget(self) -> list[Event]:
        """The node could not send all that was missed: what is held is passed on, and lanes begin again."""
        self._syncing = False
        return [event for key in sorted(self._held) for event in self._advance(key, self._ends(key))]

    def _joined(self, event: Event) -> None:
        """The user's own joining says where the lanes begin; what is known already stays."""
        if self.user_id in event.data.get("participants", ()):
            conversation, at_seq = event.data["conversation_id"], event.data.get("at_seq") or 0
            begins = BEGINNING if at_seq == 0 else {"sent": at_seq}
            for lane, n in {**begins, CHANGES: (event.n or 1) - 1}.items():
                self._at.setdefault((conversation, lane), n)

    def _ends(self, conversation: str) -> dict[str, int]:
        """The last that is held in each lane."""
        return {lane: max(held) for lane, held in self._held.get(conversation, {}).items()}

    def _advance(self, conversation: str, goals: Mapping[str, int]) -> list[Event]:
        for lane, n in goals.items():
            key = (conversation, lane)
            self._at[key] = max(n, self._at.get(key, 0))
        return self._release(conversation)

    def _release(self, conversation: str) -> list[Event]:
        """What is held before a hole; and what has none in its lane, once there is none in the conversation."""
        lanes = self._held.get(conversation)
        if lanes is None:
            return []
        ready = {lane: self._ready((conversation, lane), held) for lane, held in lanes.items()}
        torn = {lane for lane, numbers in ready.items() if len(numbers) < len(lanes[lane])}
        waits = any((conversation, lane) in self._at for lane in torn)
        released = []
        for lane in sorted(lanes, key=_place):
            if (numbers := ready[lane]) and (lane in torn or not waits):
                released += [lanes[lane].pop(n) for n in numbers]
                self._at[conversation, lane] = max(self._at.get((conversation, lane), 0), numbers[-1])
                if not lanes[lane]:
                    del lanes[lane]
        if not lanes:
            del self._held[conversation]
        return released

    def _ready(self, key: tuple[str, str], held: Mapping[int, Event]) -> list[int]:
        """The numbers before the first hole of a lane, ascending."""
        at = self._at.get(key, 0 if 1 in held else -1)
        ready = sorted(n for n in held if n <= at)
        while at >= 0 and (at := at + 1) in held:
            ready.append(at)
        return ready


def _place(lane: str) -> int:
    return ORDER.index(lane) if lane in ORDER else len(ORDER)
