"""Generates a load: rooms of sockets whose senders keep the pipeline full or send at an even pace; counts answers.

`python -m edge.tools.bench.load SPEC` prints the result as one JSON line.
"""

import asyncio
import gc
import time
from collections import deque
from typing import Final, cast

import uvloop

from edge.tools.bench import spec, wire
from edge.tools.bench.children import BenchFailed
from edge.tools.bench.measure import quantile
from edge.tools.bench.spec import Load, Loaded

HOST: Final = "127.0.0.1"
CONNECT_S: Final = 20.0
DRAIN_S: Final = 20.0
PACE_S: Final = 0.001
MAX_CONCURRENT_CONNECTS: Final = 50


class Line(asyncio.Protocol):
    """One socket; it counts acks and pushes, and calls `room.pump` after each piece of data that has any."""

    def __init__(self, request: bytes) -> None:
        self.hello: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.room: RoomLoad | None = None
        self.acks = wire.Marks(wire.ACK)
        self.pushes = wire.Marks(wire.NEW)
        self.sent = 0
        self.due: deque[float] = deque()
        self.took: list[float] = []
        self.failed = ""
        self._errors = wire.Marks(wire.ERROR)
        self._request = request
        self._first = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Request a WebSocket."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's transports are no subclasses
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count, record the time of each ack, and send more."""
        if not self.hello.done():
            self._greeted(data)
            return
        if self._errors.count(data) and not self.failed:
            self.failed = f"refused: {data[:500]!r}"
        acked = self.acks.count(data)
        pushed = self.pushes.count(data)
        if acked and self.due:
            now = time.perf_counter()
            self.took += [now - self.due.popleft() for _ in range(min(acked, len(self.due)))]
        if self.room is not None and (acked or pushed):
            self.room.pump(self)

    def _greeted(self, data: bytes) -> None:
        self._first += data
        if wire.HELLO in self._first:
            self.hello.set_result(None)
        elif wire.ERROR in self._first or (b"\r\n" in self._first and b" 101 " not in self._first):
            self.hello.set_exception(BenchFailed(f"not admitted: {self._first[:500]!r}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the load: the server closed the socket."""
        if not self.hello.done():
            self.hello.set_exception(BenchFailed(f"closed: {exc!r}"))
        self.failed = self.failed or f"closed in the middle of the load: {exc!r}"
        self._transport = None

    @property
    def in_flight(self) -> int:
        """Number of frames sent and not acknowledged."""
        return self.sent - self.acks.seen

    def send(self, frames: bytes, count: int) -> None:
        """Write `count` frames at once."""
        self.sent += count
        if self._transport is not None:
            self._transport.write(frames)


class RoomLoad:
    """The load of one room; its first lines send as much as the bounds allow."""

    def __init__(self, lines: list[Line], room: spec.Room, load: Load) -> None:
        self.lines = lines
        self.open = False
        self._senders = {
            line: wire.Sends(room.conversation_id, f"{load.run}-{n}", load.text_bytes)
            for n, line in enumerate(lines[: room.senders])
        }
        self._in_flight = load.in_flight
        self._window = load.window
        self._timed = load.pace is not None or (load.in_flight == 1)
        for line in lines:
            line.room = self

    @property
    def sent(self) -> int:
        """Number of frames that all senders sent."""
        return sum(line.sent for line in self._senders)

    @property
    def all_answered(self) -> bool:
        """Whether all frames are acknowledged and, with a window, received by every line."""
        seen = self._window is None or all(line.pushes.seen >= self.sent for line in self.lines)
        return seen and all(line.in_flight == 0 for line in self._senders)

    def pump(self, line: Line) -> None:
        """Send what this line may send now; a push lets every sender send more."""
        if not self.open:
            return
        if self._window is None:
            if line in self._senders:
                self.send(line, self._in_flight - line.in_flight)
        elif line is self.lines[0]:
            for sender in self._senders:
                room = self._window - (self.sent - line.pushes.seen)
                self.send(sender, min(self._in_flight - sender.in_flight, -(-room // len(self._senders))))
        elif line in self._senders:
            room = self._window - (self.sent - self.lines[0].pushes.seen)
            self.send(line, min(self._in_flight - line.in_flight, room))

    def begin(self) -> None:
        """Start the senders."""
        self.open = True
        for sender in self._senders:
            self.pump(sender)

    def send(self, line: Line, count: int, due: float | None = None) -> int:
        """Send `count` frames; `due` is when they were due, None: now. Return how many."""
        if count <= 0:
            return 0
        if self._timed:
            line.due.extend([time.perf_counter() if due is None else due] * count)
        line.send(self._senders[line].more(count), count)
        return count

    def even(self, due: float, count: int) -> int:
        """Send up to `count` frames that are due; return how many the bounds allowed."""
        sent = 0
        for line in sorted(self._senders, key=lambda one: one.in_flight):
            sent += self.send(line, min(count - sent, self._in_flight - line.in_flight), due)
        return sent


async def connect(port: int, tokens: list[str]) -> list[Line]:
    """Open sockets and wait for their hellos."""
    lines: list[Line] = []
    loop = asyncio.get_running_loop()
    for start in range(0, len(tokens), MAX_CONCURRENT_CONNECTS):
        wave = [Line(wire.upgrade(HOST, port, token)) for token in tokens[start : start + MAX_CONCURRENT_CONNECTS]]
        for line in wave:
            await loop.create_connection(lambda line=line: line, HOST, port)  # type: ignore[misc]
        async with asyncio.timeout(CONNECT_S):
            await asyncio.gather(*(line.hello for line in wave))
        lines += wave
    return lines


async def run(load: Load) -> Loaded:
    """Connect, warm up, measure, wait until all is answered."""
    loads = [RoomLoad(await connect(load.port, room.tokens), room, load) for room in load.rooms]
    gc.freeze()
    gc.disable()
    pacing = None
    if load.pace is None:
        for room_load in loads:
            room_load.begin()
    else:
        pacing = asyncio.create_task(_pace(loads, load.pace), name="pace")
    await asyncio.sleep(load.warm_s)
    lines = [line for room_load in loads for line in room_load.lines]
    for line in lines:
        line.took.clear()
    before, began = _seen(lines), time.perf_counter()
    await asyncio.sleep(load.seconds)
    after, ended = _seen(lines), time.perf_counter()
    took = [one for line in lines for one in line.took]
    if pacing is not None:
        pacing.cancel()
    await _drain(loads)
    acks, pushes = ((after[n] - before[n]) / (ended - began) for n in (0, 1))
    return Loaded(
        acks_per_s=acks,
        pushes_per_s=pushes,
        ack_p50_ms=quantile(took, 0.5) * 1000,
        ack_p99_ms=quantile(took, 0.99) * 1000,
        sent=sum(room_load.sent for room_load in loads),
    )


def _seen(lines: list[Line]) -> tuple[int, int]:
    return sum(line.acks.seen for line in lines), sum(line.pushes.seen for line in lines)


async def _pace(loads: list[RoomLoad], rate: float) -> None:
    """Send at `rate` per second over all rooms, each at an even due time; latency counts from the due time."""
    began, sent = time.perf_counter(), 0
    while True:
        due = int((time.perf_counter() - began) * rate)
        share = max(1, -(-(due - sent) // len(loads)))
        for room_load in loads:
            sent += room_load.even(began + sent / rate, min(share, due - sent))
        await asyncio.sleep(PACE_S)


async def _drain(loads: list[RoomLoad]) -> None:
    """Stop sending and wait for all answers. Raises `BenchFailed`."""
    for room_load in loads:
        room_load.open = False
    deadline = time.perf_counter() + DRAIN_S
    while not all(room_load.all_answered for room_load in loads):
        for line in (line for room_load in loads for line in room_load.lines if line.failed):
            raise BenchFailed(line.failed)
        if time.perf_counter() > deadline:
            open_ones = [(room_load.sent, [line.acks.seen for line in room_load.lines][:3]) for room_load in loads]
            raise BenchFailed(f"not everything was answered: (sent, acknowledged) {open_ones[:8]}")
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    spec.say(uvloop.run(run(spec.given(Load))))
