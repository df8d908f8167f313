"""A client that sends and does not read, on a bare socket, so that no library reads ahead.

Run as a program, `python tests/e2e/deaf.py URL TOKEN < FRAMES`, it sends 10,000 frames made from the first input line
by replacing `%d` with their numbers; after the line "listen" it reads, and prints the close code.
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
    """One open line. `flood` sends, `read_to_close` reads at the end."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        opened.setblocking(False)

    @classmethod
    def connect(cls, url: str, token: str) -> Self:
        """Open an authenticated line."""
        return cls(cls.handshaken(url, f"Authorization: Bearer {token}\r\n".encode()))

    @staticmethod
    def handshaken(url: str, headers: bytes = b"", *, check: bool = True) -> socket.socket:
        """Return a socket after its handshake, with small buffers."""
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
        """Send all frames, or until the node closes."""
        loop = asyncio.get_running_loop()
        for frame in frames:
            head = b"\x81\xfe" + len(frame).to_bytes(2, "big") + bytes(4)  # masked with zeros
            await loop.sock_sendall(self._socket, head + frame)

    async def read_to_close(self) -> int | None:
        """Read all data; return the code of the close frame at its end."""
        loop = asyncio.get_running_loop()
        said = bytearray()
        try:
            async with asyncio.timeout(10):
                while more := await loop.sock_recv(self._socket, 1 << 20):
                    said += more
        except ConnectionError:
            pass  # the data before it is complete
        return _close_code(bytes(said))


def _close_code(said: bytes) -> int | None:
    """Return the code of the first close frame among unmasked frames."""
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
    """Flood, and read after the next input line."""
    frame = sys.stdin.readline().strip()
    frames = [(frame % n).encode() for n in range(FRAMES)]
    with Deaf.connect(url, token) as deaf:
        flood = asyncio.create_task(deaf.flood(frames))
        print("floods", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(await deaf.read_to_close(), flush=True)
        flood.cancel()
        await asyncio.gather(flood, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
