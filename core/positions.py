"""A position is one int64, `epoch << 48 | offset`: a log that began anew stands above every older one."""

from typing import Final

OFFSET_BITS: Final = 48
_OFFSETS: Final = (1 << OFFSET_BITS) - 1


class LogMismatch(Exception):
    """The store was made from another log than this one, or from more of it: their positions do not belong together."""


ADOPT: Final = "`caas log adopt` says what is lost with it, and makes the read models anew from it"
"""What can be done about one."""


def position(epoch: int, offset: int) -> int:
    """Where `offset` of the log with this epoch stands."""
    return epoch << OFFSET_BITS | offset


def epoch_of(at: int) -> int:
    """The epoch of a position."""
    return at >> OFFSET_BITS


def offset_of(at: int) -> int:
    """The offset of a position within its epoch."""
    return at & _OFFSETS


def offset_in(epoch: int, at: int) -> int:
    """Where a reader that stood at position `at` goes on in the log of this epoch: an older epoch's starts over."""
    return offset_of(at) if epoch_of(at) == epoch else 0
