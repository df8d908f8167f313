"""Framing checks the header of each WebSocket frame before it is parsed: its mask, and the rate of frames that are
cheap to send and expensive to read. Bytes that arrive with a refused frame are not parsed.

RFC 6455 (5.1) requires masks: they keep a page from writing what a proxy takes for a request. Every client masks, so a
peer that does not is no WebSocket client. aiohttp accepts it nevertheless, and any number of control frames and
fragments.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from core.rate_limit import Rate, TokenBucket
from schemas.wire.errors import CLOSES

FIELDS: Final = 10
"""Maximum size of the fields before the mask of a frame: two bytes, and up to eight of a length."""
LENGTH_ENDS: Final[Mapping[int, int]] = MappingProxyType({126: 4, 127: FIELDS})
"""The end of the length field if the second byte has one of these two values; any other length is that byte."""
MASK: Final = 4
MASKED: Final = 0x80
FINAL: Final = 0x80
OPCODE: Final = 0x0F
CONTROL: Final = 0x08
"""Close, ping and pong have this bit in their opcode; a continuation has the opcode 0."""
CONTROL_PACE: Final = Rate(per_s=10, burst=100)
"""Maximum rate of pings, pongs and closes from one socket: a client pings every few seconds."""
SMALL: Final = 256
"""Minimum size of a fragment that is not counted."""
FRAGMENT_PACE: Final = Rate(per_s=200, burst=400)
"""Maximum rate of smaller fragments from one socket: some libraries end each message with an empty one."""
PROTOCOL_ERROR: Final = 1002


class Refused(NamedTuple):
    """The cause for which a socket is read no further: its counter, close code and close reason."""

    counted: str
    code: int
    reason: str


UNMASKED: Final = Refused("unmasked_frames", PROTOCOL_ERROR, "a frame of a client has no mask")
CONTROL_FLOOD: Final = Refused("control_floods", CLOSES["rate_limited"].code, CLOSES["rate_limited"].name)
FRAGMENT_FLOOD: Final = Refused("fragment_floods", CLOSES["rate_limited"].code, CLOSES["rate_limited"].name)


class Framing:
    """Passes bytes to `parser` until a frame is refused; then `refuses` is called, once. `now` is in seconds, by
    default the loop's time.
    """

    __slots__ = ("_control", "_fields", "_fragments", "_now", "_parser", "_refused", "_refuses", "_rest")

    def __init__(self, parser: Any, refuses: Callable[[Refused], None], now: Callable[[], float] | None = None) -> None:
        self._parser = parser
        self._refuses = refuses
        self._now = now or asyncio.get_running_loop().time
        self._control = TokenBucket(CONTROL_PACE, self._now())
        self._fragments = TokenBucket(FRAGMENT_PACE, self._now())
        self._rest = 0
        self._fields = b""
        self._refused: Refused | None = None

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Pass bytes on. Return as the parser does: whether nothing more is read, and the rest."""
        if self._refused is None:
            self._check_headers(data)
            if self._refused is None:
                answer: tuple[bool, bytes] = self._parser.feed_data(data)
                return answer
            self._refuses(self._refused)
        return True, b""

    def feed_eof(self) -> None:
        """Pass on the end of the stream."""
        self._parser.feed_eof()

    def _check_headers(self, data: bytes) -> None:
        """Check the header of each frame, up to the first that is refused; `_refused` has the cause."""
        size, at = len(data), self._rest
        while at < size:
            fields = self._fields
            if fields or at + FIELDS > size:
                fields += data[at : at + FIELDS - len(fields)]
                needed = _size_of(fields)
                if len(fields) < needed and not (len(fields) > 1 and fields[1] < MASKED):
                    self._fields = fields
                    at = size
                    break
                first, length = fields[0], fields[1] - MASKED
                at -= len(self._fields)
                self._fields = b""
            else:
                first, length = data[at], data[at + 1] - MASKED
                fields = data[at : at + FIELDS] if length > 125 else b""
            needed = LENGTH_ENDS.get(length, 2)
            if needed > 2:
                length = int.from_bytes(fields[2:needed], "big")
            at += needed + MASK + length
            if self._refuses_frame(first, length):
                return
        self._rest = at - size

    def _refuses_frame(self, first: int, length: int) -> bool:
        """Return whether a frame is refused, by its first byte and its length, which is negative without a mask."""
        if length < 0:
            self._refused = UNMASKED
        elif first & CONTROL:
            if self._control.take(self._now()):
                self._refused = CONTROL_FLOOD
        elif length < SMALL and (not first & FINAL or not first & OPCODE) and self._fragments.take(self._now()):
            self._refused = FRAGMENT_FLOOD
        return self._refused is not None


def _size_of(fields: bytes) -> int:
    """Return the size of the fields up to the length of a frame."""
    length = fields[1] & ~MASKED if len(fields) > 1 else 0
    return LENGTH_ENDS.get(length, 2)
