"""Attacks of clients without a token. Each runs until the node breaks it off, and is then started again."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from tests.soak.raw import CONTINUATION, PING, TEXT, Front, command, connected, frame, opened

Attack = Callable[[Front], Coroutine[Any, Any, None]]
HELD = 150
HOLDS_S = 30.0

MALFORMED = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    (
        b"GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: other.v1\r\n\r\n"
    ),
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * 20_000 + b"\r\n\r\n",
    b"POST /api/v1/auth/sdk/token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /api/v1/auth/sdk/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET \xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\n" * 500,
)


async def pings(front: Front) -> None:
    """Send empty pings without end, 60 kB at a time, without a login."""
    burst = frame(b"", PING) * 10_000
    async with opened(front) as raw:
        while True:
            await raw.send(burst)


async def fragments(front: Front) -> None:
    """Send a message that never ends, of empty continuations."""
    burst = frame(b"", CONTINUATION, fin=False) * 1_000
    async with opened(front) as raw:
        await raw.send(frame(b"", TEXT, fin=False))
        while True:
            await raw.send(burst)


async def half_open(front: Front) -> None:
    """Hold TCP connections that send nothing, and some whose headers are sent one byte per second."""
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(connected(front)) for _ in range(HELD)]
        for letter in itertools.islice(b"GET /socket HTTP/1.1\r\nHost: localhost", int(HOLDS_S)):
            for _, writer in held[::2]:
                if not writer.is_closing():
                    writer.write(bytes([letter]))
            await asyncio.sleep(1)


async def nameless(front: Front) -> None:
    """Hold sockets that ping sometimes, and never log in."""
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(opened(front)) for _ in range(HELD)]
        for _ in range(int(HOLDS_S)):
            for raw in held:
                await raw.send(frame(b"", PING))
            await asyncio.sleep(1)


async def malformed(front: Front) -> None:
    """Send bytes that are no HTTP, and HTTP that is no handshake."""
    for request in MALFORMED:
        async with connected(front) as (reader, writer):
            writer.write(request)
            async with asyncio.timeout(2):
                await reader.read(1 << 16)
        front.counted["malformed"] += 1
        await asyncio.sleep(0.02)


async def bad_tokens(front: Front) -> None:
    """Send an invalid token."""
    async with opened(front) as raw:
        await raw.send(command("auth", {"token": "eyJ." + "A" * 20_000 + ".x"}))
        await raw.read_end()


async def pages(front: Front) -> None:
    """Send public HTTP requests as fast as they are answered, and wrong secrets."""
    body = b'{"user_id": "vic"}'
    requests = (
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/v1/auth/sdk/token HTTP/1.1\r\nHost: x\r\nX-App-Key: app\r\nX-App-Secret: no\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body),
    )
    async with connected(front) as (reader, writer):
        for request in itertools.cycle(requests):
            writer.write(request)
            if not await reader.read(1 << 16):
                return
            front.counted["pages"] += 1
            await asyncio.sleep(0.01)


async def broken_frames(front: Front) -> None:
    """Send unmasked frames, frames with a length of 2^63 bytes, and invalid opcodes."""
    for broken in (frame(b"{}", masked=False), b"\x81\xff\x7f" + b"\xff" * 7 + bytes(4), frame(b"", 3)):
        async with opened(front) as raw:
            await raw.send(broken)
            await raw.read_end()


ATTACKS: tuple[Attack, ...] = (pings, fragments, half_open, nameless, malformed, bad_tokens, pages, broken_frames)
