"""A client that sends and does not read, on a bare socket: no library reads ahead for it.

Run as a program, `python tests/e2e/deaf.py URL TOKEN < FRAMES`, it sends 10,000 frames, each line of which `%d` is the
number in; it reads once the line "listen" comes, and prints the close code.
"""

import asyncio
import base64
import os
import socket
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

FRAMES = 10_000


class Deaf:
    """One open line. `flood` sends, `hears_out` reads at last."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        opened.setblocking(False)

    @classmethod
    def come(cls, url: str, token: str) -> Self:
        """A line that was let in."""
        return cls(cls.shaken(url, f"Authorization: Bearer {token}\r\n".encode()))

    @staticmethod
    def shaken(url: str, headers: bytes = b"", *, check: bool = True) -> socket.socket:
        """A socket after its handshake, with small buffers."""
        where = urlsplit(url)
        opened = socket.socket()
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        opened.settimeout(10)
        opened.connect((where.hostname, where.port))
        key = base64.b64encode(os.urandom(16))
        opened.sendall(
            b"GET " + where.path.encode() + b" HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
            + key
            + b"\r\n"
            + headers
            + b"\r\n"
        )
        if check:
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += opened.recv(1)
            assert answer.startswith(b"HTTP/1.1 101"), answer
        return opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    async def flood(self, frames: Iterable[bytes]) -> None:
        """Send all of it, or until the node hangs up."""
        loop = asyncio.get_running_loop()
        for frame in frames:
            head = b"\x81\xfe" + len(frame).to_bytes(2, "big") + bytes(4)  # masked with zeros
            await loop.sock_sendall(self._socket, head + frame)

    async def hears_out(self) -> int | None:
        """Read all that was said; the code of the close frame at its end."""
        loop = asyncio.get_running_loop()
        said = bytearray()
        try:
            async with asyncio.timeout(10):
                while more := await loop.sock_recv(self._socket, 1 << 20):
                    said += more
        except ConnectionError:
            pass  # what was said before stands
        return _close_code(bytes(said))


def _close_code(said: bytes) -> int | None:
    """Go through unmasked frames up to one that closes."""
    at = 0
    while at + 2 <= len(said):
        kind, length = said[at] & 15, said[at + 1]
        at += 2
        if length >= 126:
            size = 2 if length == 126 else 8
            length, at = int.from_bytes(said[at : at + size], "big"), at + size
        if kind == 8:
            return int.from_bytes(said[at : at + 2], "big")
        at += length
    return None


async def main(url: str, token: str) -> None:
    """Flood, and listen when told to."""
    frame = sys.stdin.readline().strip()
    frames = [(frame % n).encode() for n in range(FRAMES)]
    with Deaf.come(url, token) as deaf:
        flood = asyncio.create_task(deaf.flood(frames))
        print("floods", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(await deaf.hears_out(), flush=True)
        flood.cancel()
        await asyncio.gather(flood, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
