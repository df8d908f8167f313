"""A WebSocket whose client masks its frames, as RFC 6455 (5.1) wants: aiohttp takes others as well.

A mask keeps a page from writing what a proxy on the way takes for a request. Every client masks, so one that does not
is no WebSocket client, and its line is closed with 1002.
"""

from typing import Any, Final

from aiohttp import WSCloseCode, web
from aiohttp.http import WebSocketError

FIELDS: Final = 10
"""Maximum size of what comes before the mask of a frame: two bytes, and up to eight of a length."""
MASK: Final = 4
MASKED: Final = 0x80


class MaskedWebSocket(web.WebSocketResponse[bool]):
    """Closes with 1002 at the first frame that has no mask; what came before that is read."""

    def _post_start(self, request: web.BaseRequest, protocol: str | None, writer: Any) -> None:
        """Stand before the parser that was made: aiohttp has no hook there. What came with the handshake is read."""
        came = request.protocol._message_tail
        super()._post_start(request, protocol, writer)
        masked = MaskedFrames(self._parser, self._reader)
        masked.check(came)
        request.protocol._payload_parser = masked


class MaskedFrames:
    """Gives bytes to a parser as long as every frame in them has a mask; then `queue` has the error."""

    __slots__ = ("_fields", "_parser", "_queue", "_refused", "_rest")

    def __init__(self, parser: Any, queue: Any) -> None:
        self._parser = parser
        self._queue = queue
        self._rest = 0
        self._fields = b""
        self._refused = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """As the parser does: whether nothing more is read, and what was left over."""
        good = 0 if self._refused else self._masked(data)
        if good == len(data):
            answer: tuple[bool, bytes] = self._parser.feed_data(data)
            return answer
        if not self._refused:
            self._parser.feed_data(data[:good])
            self._refuse()
        return True, b""

    def feed_eof(self) -> None:
        """Nothing more comes."""
        self._parser.feed_eof()

    def check(self, data: bytes) -> None:
        """Look at bytes that the parser has already."""
        if self._masked(data) < len(data):
            self._refuse()

    def _refuse(self) -> None:
        self._refused = True
        self._queue.set_exception(WebSocketError(WSCloseCode.PROTOCOL_ERROR, "a frame of a client has no mask"))

    def _masked(self, data: bytes) -> int:
        """How many of these bytes lie before the first frame that has no mask."""
        size, at = len(data), self._rest
        while at < size:
            if self._fields or at + FIELDS > size:
                at = self._in_pieces(data, at)
                if at < 0:
                    return ~at
                continue
            length = data[at + 1] - MASKED
            if length < 0:
                return at
            if length < 126:
                at += 2 + MASK + length
            elif length == 126:
                at += 4 + MASK + (data[at + 2] << 8) + data[at + 3]
            else:
                at += FIELDS + MASK + int.from_bytes(data[at + 2 : at + FIELDS], "big")
        self._rest = at - size
        return size

    def _in_pieces(self, data: bytes, at: int) -> int:
        """Where the next frame begins, or the end of the data, where one frame's fields may come in pieces; ~`at` where
        it has no mask.
        """
        kept = len(self._fields)
        fields = self._fields + data[at : at + FIELDS - kept]
        if len(fields) > 1 and fields[1] < MASKED:
            return ~at
        needed = _size_of(fields)
        if len(fields) < needed:
            self._fields = fields
            return len(data)
        self._fields = b""
        return at + needed - kept + MASK + _length_in(fields, needed)


def _size_of(fields: bytes) -> int:
    """How many bytes say the length of a frame, with the two before them."""
    length = fields[1] & ~MASKED if len(fields) > 1 else 0
    return {126: 4, 127: FIELDS}.get(length, 2)


def _length_in(fields: bytes, size: int) -> int:
    return fields[1] & ~MASKED if size == 2 else int.from_bytes(fields[2:size], "big")
