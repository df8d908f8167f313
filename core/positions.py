"""A position is one int64, `epoch << 48 | offset`: positions of a newer epoch are greater than all older ones."""

from typing import Final

OFFSET_BITS: Final = 48
_OFFSETS: Final = (1 << OFFSET_BITS) - 1


class LogMismatch(Exception):
    """The store was built from another log, or from more of this one: their positions cannot be compared."""


ADOPT: Final = "`caas log adopt` says what is lost with it, and rebuilds the read models from it"
"""The remedy, as an error text."""


def position(epoch: int, offset: int) -> int:
    """Return the position of `offset` in this epoch."""
    return epoch << OFFSET_BITS | offset


def epoch_of(at: int) -> int:
    """Return the epoch of a position."""
    return at >> OFFSET_BITS


def offset_of(at: int) -> int:
    """Return the offset of a position within its epoch."""
    return at & _OFFSETS


def offset_in(epoch: int, at: int) -> int:
    """Return the offset at which a reader at position `at` resumes in this epoch; 0 if `at` is of another epoch."""
    return offset_of(at) if epoch_of(at) == epoch else 0
