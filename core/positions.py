"""A position is one int64, `epoch << 48 | offset`: a log that began anew stands above every older one."""

from collections.abc import Iterable
from typing import Final

OFFSET_BITS: Final = 48
_OFFSETS: Final = (1 << OFFSET_BITS) - 1


class LogOlderThanStore(Exception):
    """The store has read a log of a later birth than this one: their positions do not belong together."""


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


def check_epoch(epoch: int, saved: Iterable[int], who: str) -> None:
    """Raises `LogOlderThanStore` where one of the positions that `who` has saved is of a later epoch than the log's."""
    newest = max(map(epoch_of, saved), default=0)
    if newest > epoch:
        raise LogOlderThanStore(f"{who} has read the log's epoch {newest}, this log is epoch {epoch}")
