"""A sync is asked in parts, so that the positions of each fit into a frame: ranges of conversations by their ids.

The parts of a round leave no id out: what is between two conversations that the client knows, or after the last, is in
one of them; so it also gets conversations that it did not know.
"""

from dataclasses import dataclass
from typing import Any, Final

from . import wire
from .lane_positions import LanePositions, Vector
from .language.wire.frames import USER

MOST: Final = 300


@dataclass(frozen=True, slots=True)
class Part:
    """The conversations with ids after `after` and up to `upto`, None: without a bound; `user`: and one's own lane."""

    after: str | None = None
    upto: str | None = None
    user: bool = True

    def covers(self, key: str) -> bool:
        """Whether this conversation, or one's own lane, is of this part."""
        if key == USER:
            return self.user
        return (self.after is None or key > self.after) and (self.upto is None or key <= self.upto)

    def known(self, positions: LanePositions) -> list[str]:
        """The conversations in it that the client stands somewhere in, by id."""
        return sorted(key for key in positions.known() if key != USER and self.covers(key))

    def cut(self, keys: list[str]) -> "tuple[Part, Part]":
        """Up to the last of these, and what is left."""
        return Part(self.after, keys[-1], self.user), Part(keys[-1], self.upto, user=False)


def begin(
    left: Part, positions: LanePositions, frame_id: str, frame_limit: int, *, tell: bool
) -> tuple[Part, bytes, Part | None]:
    """The first part of what is left to ask, its frame, and what is left then.

    The frame is larger than the limit only where the positions of one conversation are.
    """
    keys, most = left.known(positions), MOST
    while True:
        part, rest = left.cut(keys[:most]) if len(keys) > most else (left, None)
        frame = _frame(part, positions.vector(), frame_id, tell)
        if len(frame) <= frame_limit or most == 1:
            return part, frame, rest
        most = max(1, min(most, len(keys)) // 2)


def _frame(part: Part, vector: Vector, frame_id: str, tell: bool) -> bytes:
    asked: dict[str, Any] = {
        "positions": {key: lanes for key, lanes in vector.items() if key != USER and part.covers(key)},
        "after": part.after,
        "upto": part.upto,
        "user": vector.get(USER, {}).get(USER, 0) if part.user else None,
        "tell": None if tell else False,
    }
    return wire.ask(frame_id, "sync", {name: value for name, value in asked.items() if value is not None})
