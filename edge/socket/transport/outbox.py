"""Outbox buffers the outgoing frames of one socket, coalesces them into one write per loop turn, and limits them.

It writes WebSocket frames to the transport itself (unmasked text, no compression), several times as fast as a call per
frame; this bypasses the server's own flow control, so the limit here is required.
"""

import asyncio
import functools
from collections.abc import Callable
from typing import Final

LOW_BYTES: Final = 65_536
"""While more than this waits, the socket is not read."""
POLL_INTERVAL_S: Final = 0.01


@functools.lru_cache(maxsize=70_000)
def header(length: int) -> bytes:
    """Return the header of an unmasked, final text frame with a payload of `length` bytes (RFC 6455, 5.2)."""
    if length < 126:
        return bytes((0x81, length))
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2, "big")
    return b"\x81\x7f" + length.to_bytes(8, "big")


def no_overflow() -> None:
    """Do nothing: the `overflow` of an outbox that is shut."""


class TooSlow(Exception):
    """The peer did not read in time."""


class Outbox:
    """The outgoing frames of one socket. If a push would make more than `limit` bytes wait, `overflow` is called, once,
    and no more frames are taken. Replies are not limited here: their sender waits for `low` first.
    """

    __slots__ = ("_buffered", "_frames", "_limit", "_loop", "_open", "_overflow", "_size", "_transport")

    def __init__(self, transport: asyncio.WriteTransport, limit: int, overflow: Callable[[], None]) -> None:
        self._transport = transport
        self._limit = limit
        self._overflow = overflow
        self._loop = asyncio.get_running_loop()
        self._frames: list[bytes] = []
        self._size = 0
        self._buffered = 0  # size of the transport's buffer after the last write: too high at worst
        self._open = True

    @property
    def waiting(self) -> int:
        """The number of bytes that the operating system has not taken yet."""
        return self._size + self._transport.get_write_buffer_size()

    def send(self, frame: bytes) -> None:
        """Write a reply by the end of this loop turn."""
        if self._open:
            if not self._frames:
                self._loop.call_soon(self.flush)
            self._frames.append(frame)
            self._size += len(frame)

    def push(self, frame: bytes) -> None:
        """Write a push by the end of this loop turn, or overflow."""
        if not self._open:
            return
        size = self._size + len(frame)
        if size + self._buffered > self._limit and self.waiting + len(frame) > self._limit:
            overflow = self._overflow
            self.shut()
            overflow()
            return
        if not self._frames:
            self._loop.call_soon(self.flush)
        self._frames.append(frame)
        self._size = size

    def flush(self) -> None:
        """Write the waiting frames now."""
        frames = self._frames
        if not frames:
            return
        self._frames = []
        self._size = 0
        if self._transport.is_closing():
            self._open = False
            return
        if len(frames) == 1:
            self._transport.write(header(len(frames[0])) + frames[0])
        else:
            self._transport.write(b"".join([part for frame in frames for part in (header(len(frame)), frame)]))
        self._buffered = self._transport.get_write_buffer_size()

    def shut(self) -> None:
        """Take no more frames, and drop the waiting ones and `overflow`."""
        self._open = False
        self._overflow = no_overflow
        self._frames = []
        self._size = 0

    async def low(self, timeout_s: float) -> None:
        """Return when at most `LOW_BYTES` wait. Raises `TooSlow` when that takes longer than `timeout_s` seconds."""
        if self.waiting <= LOW_BYTES:
            return
        ends = self._loop.time() + timeout_s
        # The transport notifies its own protocol when it has room again, not us; only sockets that lag are polled.
        while self.waiting > LOW_BYTES and self._open and not self._transport.is_closing():
            if self._loop.time() > ends:
                raise TooSlow
            await asyncio.sleep(POLL_INTERVAL_S)
