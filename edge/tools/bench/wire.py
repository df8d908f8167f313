"""A cheap WebSocket client, so that the load is never the bottleneck: frames are built in bulk, answers counted.

Frames are masked with zeros, which the server treats as any mask. Nothing is parsed: the client counts marks that each
answer has exactly once, and that no text of the load contains.
"""

import base64
from typing import Final

ACK: Final = b'"type":"ack"'
ERROR: Final = b'"type":"error"'
NEW: Final = b'"type":"message:new"'
HELLO: Final = b'"type":"hello"'
TEXT: Final = 0x1
CLOSE: Final = 0x8
PING: Final = 0x9
_MASKED_TEXT: Final = 0x81
_PONG: Final = 0x8A
_HEAD: Final = 2
_SHORT: Final = 126
_NO_MASK: Final = b"\x00\x00\x00\x00"


def upgrade(host: str, port: int, token: str) -> bytes:
    """Return the request that opens a socket."""
    key = base64.b64encode(b"0123456789abcdef").decode()
    lines = (
        "GET /socket HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: caas.v1.json",
        f"Authorization: Bearer {token}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def masked(payload: bytes) -> bytes:
    """Return a client's text frame."""
    length = len(payload)
    if length < _SHORT:
        return bytes((_MASKED_TEXT, 0x80 | length)) + _NO_MASK + payload
    return bytes((_MASKED_TEXT, 0xFE)) + length.to_bytes(2, "big") + _NO_MASK + payload


def pong(payload: bytes) -> bytes:
    """Return the answer to a ping."""
    return bytes((_PONG, 0x80 | len(payload))) + _NO_MASK + payload


def frames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return the complete frames of a server in these bytes, each with its opcode, and the remaining bytes."""
    found, at, end = [], 0, len(data)
    while end - at >= _HEAD:
        length, body = data[at + 1], at + _HEAD
        if length >= _SHORT:
            size = 2 if length == _SHORT else 8
            length, body = int.from_bytes(data[body : body + size], "big"), body + size
        if end < body + length or end < body:
            break
        found.append((data[at] & 0x0F, data[body : body + length]))
        at = body + length
    return found, data[at:]


class Sends:
    """Builds the frames of one sender, each with a separate id and client key, all of the same length."""

    def __init__(self, conversation_id: str, run: str, text_bytes: int) -> None:
        text = "x" * text_bytes
        payload = (
            f'{{"id":10000000,"type":"message:send","data":{{"conversation_id":"{conversation_id}",'
            f'"client_msg_id":"{run}-10000000","text":"{text}"}}}}'
        ).encode()
        self._template = masked(payload).replace(b"%", b"%%").replace(b"10000000", b"%d")
        self._next = 10_000_000

    def more(self, count: int) -> bytes:
        """Return the next `count` frames."""
        template, first = self._template, self._next
        self._next += count
        return b"".join([template % (n, n) for n in range(first, self._next)])


class Marks:
    """Counts a mark in a stream of bytes, also across two pieces."""

    __slots__ = ("_mark", "_tail", "seen")

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._tail = b""
        self.seen = 0

    def count(self, data: bytes) -> int:
        """Return how many marks this piece completes."""
        joined = self._tail + data
        found = joined.count(self._mark)
        self._tail = joined[-(len(self._mark) - 1) :]
        self.seen += found
        return found
