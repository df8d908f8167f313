"""Session is a minimal client of a load: it checks, per conversation, the received numbers of lane `sent`."""

import asyncio
import re
import time
from array import array
from collections.abc import Callable
from typing import Final, cast

from edge.tools.bench import wire
from edge.tools.bench.children import BenchFailed

ANSWER: Final = re.compile(rb'\{"id":(\d+),"type":"(ack|error)"')
NEW: Final = re.compile(
    rb'\{"type":"message:new","data":\{"conversation_id":"([^"]+)",.*?"text":"(\d+) x*".*"lane":"sent","n":(\d+)'
)
MARK: Final = b'{"type":"message:new"'
MAX_FAULTS: Final = 100


class Seen:
    """The results of all sessions of a load; times in seconds from a send's due time, for sends due after `timed`."""

    def __init__(self) -> None:
        self.acked = 0
        self.delivered = 0
        self.faults: list[str] = []
        self.acks = array("d")
        self.deliveries = array("d")
        self.timed = float("inf")

    def fault(self, what: str) -> None:
        """Record a fault."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(what)


class Session(asyncio.Protocol):
    """A socket that logs in, sends, and receives. `hello` is done once hello was received; `acknowledged` is called
    after each acknowledgment. Frames that are no answer and no new message are ignored.
    """

    def __init__(self, name: str, request: bytes, seen: Seen) -> None:
        self.name = name
        self.hello: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.last: dict[bytes, int] = {}
        self.acknowledged: Callable[[], None] | None = None
        self._seen = seen
        self._request = request
        self._due: dict[int, float] = {}
        self._rest = b""
        self._takes: Callable[[bytes], None] = self._handshake
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Request a WebSocket."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's transports are no subclasses
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Handle the complete frames."""
        self._takes(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Record a fault: the connection must last until the end."""
        self._transport = None
        if not self.hello.done():
            self.hello.set_exception(BenchFailed(f"{self.name} was closed: {exc!r}, {self._rest[:300]!r}"))
        self._seen.fault(f"{self.name} was closed in the middle: {exc!r}")

    def send(self, number: int, due: float, payload: bytes) -> None:
        """Send a command with this number as its id."""
        if self._transport is None:
            return
        self._due[number] = due
        self._transport.write(wire.masked(payload))

    def _handshake(self, data: bytes) -> None:
        head, end, rest = (self._rest + data).partition(b"\r\n\r\n")
        if not end:
            self._rest = head
            return
        if b" 101 " not in head.partition(b"\r\n")[0]:
            self.hello.set_exception(BenchFailed(f"{self.name} was not admitted: {head[:300]!r}"))
            return
        self._rest, self._takes = b"", self._frames
        self._frames(rest)

    def _frames(self, data: bytes) -> None:
        found, self._rest = wire.frames(self._rest + data)
        now = time.monotonic()
        for opcode, payload in found:
            if opcode == wire.TEXT:
                self._text(payload, now)
            elif opcode == wire.PING and self._transport is not None:
                self._transport.write(wire.pong(payload))
            elif opcode == wire.CLOSE:
                self._seen.fault(f"{self.name} was closed with {int.from_bytes(payload[:2], 'big')}")

    def _text(self, payload: bytes, now: float) -> None:
        if (new := NEW.match(payload)) is not None:
            self._delivered(new[1], int(new[2]) / 1e9, int(new[3]), now)
        elif (answer := ANSWER.match(payload)) is not None:
            self._answered(int(answer[1]), answer[2], payload, now)
        elif not self.hello.done():
            self._greeted(payload)
        elif payload.startswith(MARK) or wire.ERROR in payload:
            self._seen.fault(f"{self.name} cannot count {payload[:300]!r}")

    def _greeted(self, payload: bytes) -> None:
        if wire.HELLO in payload:
            self.hello.set_result(None)
        else:
            self.hello.set_exception(BenchFailed(f"{self.name} was not admitted: {payload[:300]!r}"))

    def _delivered(self, conversation: bytes, due: float, n: int, now: float) -> None:
        last = self.last.get(conversation, 0)
        if n == last + 1:
            self.last[conversation] = n
            self._seen.delivered += 1
        else:
            self._seen.fault(f"{self.name} received {n} after {last} in {conversation.decode()}")
        if due >= self._seen.timed:
            self._seen.deliveries.append(now - due)

    def _answered(self, number: int, kind: bytes, payload: bytes, now: float) -> None:
        due = self._due.pop(number, None)
        if due is None or kind != b"ack":
            self._seen.fault(f"{self.name} was answered {payload[:300]!r}")
            return
        self._seen.acked += 1
        if due >= self._seen.timed:
            self._seen.acks.append(now - due)
        if self.acknowledged is not None:
            self.acknowledged()
