"""Compute how many entries of a list fit into one answer, which ends early if they are large and says that there are
more.

No answer is larger than `ANSWER_BYTES`, whether its entries are the largest message and its largest version, any two
other entries, or a page of small ones beside a large message.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from schemas.bounds import ANSWER_BYTES

PAGE_BYTES: Final = 262_144
"""Maximum number of bytes of the entries of one answer; a single entry may be larger."""
ENTRIES_BYTES: Final = ANSWER_BYTES - 4_096
"""Maximum number of bytes of an answer's entries and what is beside them; the rest is for the other fields."""

_encode: Final = msgspec.json.Encoder().encode


def fitting_range(
    views: Sequence[msgspec.Struct], anchor: int, max_bytes: int = PAGE_BYTES, *, beside: msgspec.Struct | None = None
) -> range:
    """Return the range of entries that fit together, also with `beside`: the one at `anchor`, and its neighbours, right
    and left in turns, up to the first that does not fit.
    """
    if not views:
        return range(0)
    chosen = range(anchor, anchor + 1)
    room = (max_bytes if beside is None else min(max_bytes, ENTRIES_BYTES - size(beside))) - size(views[anchor])
    for index in _outward(anchor, len(views)):
        room -= size(views[index])
        if room < 0:
            break
        chosen = range(min(chosen.start, index), max(chosen.stop, index + 1))
    return chosen


def size(view: msgspec.Struct) -> int:
    """Return the number of bytes that a view takes in an answer."""
    return len(_encode(view))


def _outward(anchor: int, length: int) -> Iterator[int]:
    for distance in range(1, length):
        if anchor + distance < length:
            yield anchor + distance
        if anchor >= distance:
            yield anchor - distance
