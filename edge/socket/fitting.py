"""How many messages, versions of one, or conversations fit into one answer: it ends early where they are large, and
says that there are more.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

PAGE_BYTES: Final = 262_144
"""So large are the messages of one answer at most; a single one may be larger."""

_encode: Final = msgspec.json.Encoder().encode


def fitting(views: Sequence[msgspec.Struct], anchor: int, most: int = PAGE_BYTES) -> range:
    """Which of these fit together: the one at `anchor`, and of its neighbours, right and left in turns, as many as
    have room before the first that has none.
    """
    if not views:
        return range(0)
    chosen = range(anchor, anchor + 1)
    room = most - len(_encode(views[anchor]))
    for index in _outward(anchor, len(views)):
        room -= len(_encode(views[index]))
        if room < 0:
            break
        chosen = range(min(chosen.start, index), max(chosen.stop, index + 1))
    return chosen


def _outward(anchor: int, length: int) -> Iterator[int]:
    for away in range(1, length):
        if anchor + away < length:
            yield anchor + away
        if anchor >= away:
            yield anchor - away
