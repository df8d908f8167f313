"""How many entries of a list fit into one answer: it ends early where they are large, and says that there are more.

No answer is larger than `ANSWER_BYTES`: of the largest message and the largest version of one, of any two other
entries, and of a page of small ones beside a large message, it is computed here what fits together.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from schemas.bounds import ANSWER_BYTES

PAGE_BYTES: Final = 262_144
"""Maximum of the entries of one answer; a single one may be larger."""
ROOM: Final = ANSWER_BYTES - 4_096
"""What an answer has for its entries, and what stands beside them, when all else has its place."""

_encode: Final = msgspec.json.Encoder().encode


def fitting(
    views: Sequence[msgspec.Struct], anchor: int, most: int = PAGE_BYTES, *, beside: msgspec.Struct | None = None
) -> range:
    """Which of these fit together, and `beside` another: the one at `anchor`, and of its neighbours, right and left in
    turns, as many as have room before the first that has none.
    """
    if not views:
        return range(0)
    chosen = range(anchor, anchor + 1)
    room = (most if beside is None else min(most, ROOM - size(beside))) - size(views[anchor])
    for index in _outward(anchor, len(views)):
        room -= size(views[index])
        if room < 0:
            break
        chosen = range(min(chosen.start, index), max(chosen.stop, index + 1))
    return chosen


def size(view: msgspec.Struct) -> int:
    """How many bytes of an answer this takes."""
    return len(_encode(view))


def _outward(anchor: int, length: int) -> Iterator[int]:
    for away in range(1, length):
        if anchor + away < length:
            yield anchor + away
        if anchor >= away:
            yield anchor - away
