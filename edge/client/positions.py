"""Where a client stands in every lane: what comes is passed on in the order of n, each once, and a hole is seen.

A lane is known from its first number, from the notice that its user joined, or from a sync. What comes beyond a hole,
or in a lane that is not known, is held until the hole is filled or a sync has said that nothing of ours is in it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from edge.client.wire import Event

Key = tuple[str, str]
"""Conversation and lane."""

Vector = Mapping[str, Mapping[str, int]]
"""Conversation → lane → n."""

JOINS: Final = frozenset({"created", "participants-added"})
BEGINNING: Final = {"sent": 0, "edited": 0, "deleted": 0}


class Positions:
    """The lanes of one user. `user_id` is told by the first hello; `dropped` counts what had come before."""

    def __init__(self, vector: Vector | None = None) -> None:
        self.user_id = ""
        self.dropped = 0
        self._at: dict[Key, int] = {
            (conversation, lane): n for conversation, lanes in (vector or {}).items() for lane, n in lanes.items()
        }
        self._held: dict[Key, dict[int, Event]] = {}
        self._goals: dict[Key, int] = {}
        self._catching_up = False
        self._syncing = False

    def __bool__(self) -> bool:
        return bool(self._at)

    @property
    def holes(self) -> bool:
        """Whether something is held."""
        return bool(self._held)

    def vector(self) -> dict[str, dict[str, int]]:
        """What a sync asks with."""
        found: dict[str, dict[str, int]] = {}
        for (conversation, lane), n in self._at.items():
            found.setdefault(conversation, {})[lane] = n
        return found

    def take(self, event: Event) -> Iterable[Event]:
        """What can be passed on now that `event`, a push with a lane, has come."""
        lane, n = event.lane or "", event.n or 0
        key = (event.data["conversation_id"], lane)
        joined = self._joined(event) if lane == "conversation" and event.data["change"] in JOINS else []
        at = self._at.get(key, 0 if n == 1 else None)
        held = self._held.get(key)
        if (at is not None and n <= at) or (held is not None and n in held):
            self.dropped += 1
            return joined
        if self._syncing and (self._catching_up or n < self._goals.get(key, 0)):
            event = msgspec.structs.replace(event, healed=True)
        if at is None or n > at + 1:
            self._held.setdefault(key, {})[n] = event
            return joined
        self._at[key] = n
        return (event, *self._release(key), *joined) if held or joined else (event,)

    def asked(self, *, catching_up: bool) -> None:
        """A sync is under way; `catching_up` after a line was lost, else because of holes."""
        self._syncing = True
        self._catching_up = catching_up
        self._goals = {key: max(held) for key, held in self._held.items()}

    def unanswered(self) -> None:
        """The sync under way came to nothing."""
        self._syncing = False

    def synced(self, vector: Vector, *, complete: bool) -> list[Event]:
        """What can be passed on after a sync that told all up to `vector`.

        A lane that a complete sync no longer speaks of (its user has left) has nothing more to wait for.
        """
        self._syncing = False
        released: list[Event] = []
        for conversation, lanes in vector.items():
            for lane, n in {**(BEGINNING if complete else {}), **lanes}.items():
                released += self._advance((conversation, lane), n)
        if complete:
            for key in [key for key in self._held if key[0] not in vector]:
                released += self._advance(key, max(self._held[key]))
        return released

    def forget(self) -> list[Event]:
        """The node could not tell all that was missed: what is held is passed on, and lanes begin anew."""
        self._syncing = False
        held = sorted(self._held)
        return [event for key in held for event in self._advance(key, max(self._held[key]))]

    def _joined(self, event: Event) -> list[Event]:
        """The user's own joining says where the lanes begin; what is known already stays."""
        if self.user_id not in event.data.get("participants", ()):
            return []
        conversation, at_seq = event.data["conversation_id"], event.data.get("at_seq") or 0
        begins = BEGINNING if at_seq == 0 else {"sent": at_seq}
        released: list[Event] = []
        for lane, n in begins.items():
            if (conversation, lane) not in self._at:
                released += self._advance((conversation, lane), n)
        self._at.setdefault((conversation, "conversation"), (event.n or 1) - 1)
        return released

    def _advance(self, key: Key, n: int) -> list[Event]:
        held = self._held.get(key, {})
        passed = [held.pop(number) for number in sorted(held) if number <= n]
        self._at[key] = max(n, self._at.get(key, 0))
        return passed + self._release(key)

    def _release(self, key: Key) -> list[Event]:
        held = self._held.get(key)
        if held is None:
            return []
        released, at = [], self._at[key]
        while (event := held.pop(at + 1, None)) is not None:
            at += 1
            released.append(event)
        self._at[key] = at
        if not held:
            del self._held[key]
        return released
