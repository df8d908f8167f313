"""Raw is an attacker's socket: it sends any bytes as frames, from a separate address."""

import asyncio
import base64
import contextlib
import json
import os
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

TEXT, PING, CONTINUATION = 1, 9, 0
_CODE = re.compile(rb'"code":"(\w+)"')


@dataclass(frozen=True)
class Front:
    """An attacker's parameters and state: address, tokens by use, ids of conversations and messages, counters."""

    number: int
    host: str
    port: int
    address: str
    tokens: dict[str, str]
    things: dict[str, str] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        return f"ws://{self.host}:{self.port}/socket"


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True, masked: bool = True) -> bytes:
    """Return a WebSocket frame; its mask is zero, which changes no byte."""
    head, mask = bytes([opcode | (0x80 if fin else 0)]), 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([mask | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([mask | 126]) + len(payload).to_bytes(2, "big")
    else:
        head += bytes([mask | 127]) + len(payload).to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + payload


def command(kind: str, data: dict[str, Any], number: int = 0) -> bytes:
    """Return a command in its frame."""
    return frame(json.dumps({"id": number, "type": kind, "data": data}, ensure_ascii=False).encode())


class Raw:
    """An open socket; received data is discarded, and errors are counted by code."""

    def __init__(self, front: Front, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._front = front
        self._reader = reader
        self._writer = writer

    async def send(self, *frames: bytes) -> None:
        """Write frames, and wait until the node has room for more. Raises OSError once the node has closed."""
        if self._reader.at_eof():
            raise ConnectionResetError("the node closed")
        self._writer.write(b"".join(frames))
        await self._writer.drain()
        await asyncio.sleep(0)

    async def read_end(self, within_s: float = 15) -> None:
        """Wait until the node has closed. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not self._reader.at_eof():
                await asyncio.sleep(0.05)

    async def read(self) -> None:
        """Read and count errors until the node closes."""
        with contextlib.suppress(OSError):
            while more := await self._reader.read(1 << 18):
                self._front.counted.update(f"error {code.decode()}" for code in _CODE.findall(more))


@asynccontextmanager
async def connected(front: Front) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a TCP connection from the attacker's address; abort it at the end."""
    reader, writer = await asyncio.open_connection(front.host, front.port, local_addr=(front.address, 0), limit=1 << 16)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@asynccontextmanager
async def opened(front: Front, use: str | None = None, *, reads: bool = True) -> AsyncIterator[Raw]:
    """Open a socket, as the user of this use or without a token. Raises ConnectionRefusedError if it is refused."""
    bearer = f"Authorization: Bearer {front.tokens[use]}\r\n" if use else ""
    async with connected(front) as (reader, writer):
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /socket HTTP/1.1\r\nHost: {front.host}:{front.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{bearer}\r\n".encode()
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer.partition(b"\r\n")[0]:
            front.counted[f"handshake {answer[9:12].decode()}"] += 1
            raise ConnectionRefusedError(answer[:12].decode())
        front.counted["lines"] += 1
        raw = Raw(front, reader, writer)
        reading = asyncio.create_task(raw.read(), name="discards") if reads else None
        try:
            yield raw
        finally:
            if reading is not None:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
