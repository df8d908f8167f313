"""A bare socket server to compare with: aiohttp, an append per frame or a broadcast, coalesced writes, no rules.

`python -m edge.tools.bench.bare_socket SPEC` serves until SIGTERM and prints its port.
"""

import asyncio
import contextlib
from asyncio import Future
from collections.abc import Callable
from functools import partial
from typing import Final

import uvloop
from aiohttp import WSMsgType, web

from core import settings
from core.ports.event_log import EventLog
from edge.composition import compose
from edge.process.stopping import on_signals
from edge.tools.bench import spec
from edge.tools.bench.spec import Bare
from schemas.bounds import FRAME_BYTES
from schemas.envelope import Record
from schemas.ids import keyed_conversation_id
from schemas.topics import MESSAGE_SENT

HOST: Final = "127.0.0.1"
HELLO: Final = b'{"type":"hello"}'
_ACK: Final = (
    b'{"id":%s,"type":"ack","data":{"message_id":"00000000-0000-5000-8000-000000000000","level":"accepted"},'
    b'"correlation_id":"00000000-0000-4000-8000-000000000000"}'
)


class Writes:
    """Collects frames for one socket and writes them to its transport once per loop iteration."""

    __slots__ = ("_frames", "_loop", "_transport")

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._frames: list[bytes] = []

    def add(self, frame: bytes) -> None:
        """Write a complete frame by the end of this loop iteration."""
        if not self._frames:
            self._loop.call_soon(self._flush)
        self._frames.append(frame)

    def _flush(self) -> None:
        frames, self._frames = self._frames, []
        self._transport.write(b"".join(frames))


def framed(payload: bytes) -> bytes:
    """Return a server's text frame."""
    length = len(payload)
    head = bytes((0x81, length)) if length < 126 else b"\x81\x7e" + length.to_bytes(2, "big")
    return head + payload


def ack(frame: bytes) -> bytes:
    """Return the answer to a frame that begins with its id."""
    return framed(_ACK % frame[6 : frame.index(b",", 6)])


Take = Callable[[Writes, bytes, bytes], None]
"""Handles a frame of one socket: takes its writes, its key, the frame."""


class Appending:
    """Appends a value of a given size per frame, and acknowledges in the append's callback."""

    def __init__(self, log: EventLog, value_bytes: int) -> None:
        self._log = log
        self._value = b"x" * value_bytes

    def take(self, writes: Writes, key: bytes, frame: bytes) -> None:
        """Append."""
        future = self._log.append(Record(MESSAGE_SENT, key, self._value))
        future.add_done_callback(partial(self._appended, writes, frame))

    def _appended(self, writes: Writes, frame: bytes, future: "Future[int]") -> None:
        future.result()
        writes.add(ack(frame))


class Broadcasting:
    """Sends a push of a given size to every socket per frame, and an ack."""

    def __init__(self, everyone: set[Writes], push_bytes: int) -> None:
        head = b'{"type":"message:new","data":"'
        self._push = framed(head + b"x" * (push_bytes - len(head) - 2) + b'"}')
        self._everyone = everyone

    def take(self, writes: Writes, _: bytes, frame: bytes) -> None:
        """Acknowledge and push."""
        writes.add(ack(frame))
        for one in self._everyone:
            one.add(self._push)


class BareServer:
    """Serves the sockets of a bare server."""

    def __init__(self, everyone: set[Writes], take: Take) -> None:
        self._everyone = everyone
        self._take = take
        self._count = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket."""
        ws = web.WebSocketResponse(compress=False, max_msg_size=FRAME_BYTES + 1, decode_text=False)
        await ws.prepare(request)
        if request.transport is None:
            return ws
        writes = Writes(request.transport)
        self._count += 1
        key = keyed_conversation_id("bare", "nobody", str(self._count)).encode()
        self._everyone.add(writes)
        writes.add(framed(HELLO))
        try:
            while (message := await ws.receive()).type is WSMsgType.TEXT:
                self._take(writes, key, message.data)
        finally:
            self._everyone.discard(writes)
        return ws


async def serve(bare: Bare) -> None:
    """Serve until asked to stop."""
    asked = on_signals()
    async with contextlib.AsyncExitStack() as stack:
        everyone: set[Writes] = set()
        take: Take
        if bare.kind == "append":
            log = compose.adapters(settings.load(), "caas-bench-bare").log
            await log.start()
            stack.push_async_callback(log.stop)
            take = Appending(log, bare.value_bytes).take
        else:
            take = Broadcasting(everyone, bare.push_bytes).take
        app = web.Application()
        app.router.add_get("/socket", BareServer(everyone, take).handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, HOST, 0, backlog=1024)
        await site.start()
        spec.say({"port": runner.addresses[0][1]})
        await asked.wait()


if __name__ == "__main__":
    uvloop.run(serve(spec.given(Bare)))
