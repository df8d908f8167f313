"""Sends messages of many users at an even pace and counts every delivery at every session, in one light process.

`python -m edge.tools.bench.talking SPEC` prints the result as one JSON line.
"""

import asyncio
import gc
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Final

import uvloop

from edge.tools.bench import machine, spec, wire
from edge.tools.bench.children import BenchFailed
from edge.tools.bench.gathering import Chances
from edge.tools.bench.measure import quantile
from edge.tools.bench.session import Seen, Session
from edge.tools.bench.spec import Seat, Talk, Talked

HOST: Final = "127.0.0.1"
MAX_CONCURRENT_CONNECTS: Final = 50
CONNECT_S: Final = 30.0
DRAIN_S: Final = 45.0
SETTLE_S: Final = 1.0


class Crowd:
    """All connected users and their sends; `expected` is the number of deliveries that all sends must cause."""

    def __init__(self, sessions: Sequence[Session], talk: Talk, seen: Seen) -> None:
        self.sent = 0
        self.late = array("d")
        self._sessions = sessions
        self._talk = talk
        self._seen = seen
        self._chances = Chances(talk.circles, talk.run)
        self._counts: Counter[int] = Counter()
        self._text = "x" * max(0, talk.text_bytes - 20)

    @property
    def expected(self) -> int:
        """Number of deliveries of all sends."""
        return sum(count * len(self._talk.circles[number].members) for number, count in self._counts.items())

    def say(self, due: float) -> None:
        """Send one more message, with this due time."""
        number, seat = self._chances.next()
        self.sent += 1
        self._counts[number] += 1
        payload = (
            f'{{"id":{self.sent},"type":"message:send","data":{{'
            f'"conversation_id":"{self._talk.circles[number].conversation_id}",'
            f'"client_msg_id":"{self._talk.run}-{self.sent}","text":"{int(due * 1e9)} {self._text}"}}}}'
        )
        self._sessions[seat].send(self.sent, due, payload.encode())

    async def talk(self) -> None:
        """Send at the rate, each message when it is due."""
        began, every = time.monotonic(), 1 / self._talk.rate
        self._seen.timed = began + min(self._talk.warm_s, self._talk.seconds / 2)
        for number in range(int(self._talk.seconds * self._talk.rate)):
            due = began + number * every
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.say(due)
            self.late.append(time.monotonic() - due)

    async def drained(self) -> float:
        """Return when everything arrived, on a fault or after a timeout; return the seconds it took."""
        began = time.monotonic()
        while not self._seen.faults and (self._seen.acked, self._seen.delivered) != (self.sent, self.expected):
            if time.monotonic() - began > DRAIN_S:
                self._missing()
                break
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    def _missing(self) -> None:
        for number, circle in enumerate(self._talk.circles):
            for seat in circle.members:
                last = self._sessions[seat].last.get(circle.conversation_id.encode(), 0)
                if last != self._counts[number]:
                    of = f"{last} of {self._counts[number]}"
                    self._seen.fault(f"{self._sessions[seat].name} received {of} in {circle.conversation_id}")


async def connected(seats: Sequence[Seat], seen: Seen) -> list[Session]:
    """Connect all seats, some at a time, and wait for their hellos. Raises `BenchFailed`."""
    loop = asyncio.get_running_loop()
    sessions: list[Session] = []
    for start in range(0, len(seats), MAX_CONCURRENT_CONNECTS):
        wave = []
        for number, seat in enumerate(seats[start : start + MAX_CONCURRENT_CONNECTS], start):
            session = Session(f"seat {number}", wire.upgrade(HOST, seat.port, seat.token), seen)
            await loop.create_connection(lambda session=session: session, HOST, seat.port)  # type: ignore[misc]
            wave.append(session)
        try:
            async with asyncio.timeout(CONNECT_S):
                await asyncio.gather(*(session.hello for session in wave))
        except TimeoutError:
            raise BenchFailed(f"no hello at seats {start} to {start + MAX_CONCURRENT_CONNECTS}") from None
        sessions += wave
    return sessions


async def run(talk: Talk) -> Talked:
    """Connect, send, wait until all arrived."""
    seen = Seen()
    before, began = _memory(talk), time.monotonic()
    sessions = await connected(talk.seats, seen)
    connect_s = time.monotonic() - began
    await asyncio.sleep(SETTLE_S)
    idle = _memory(talk) - before
    gc.freeze()
    gc.disable()
    crowd = Crowd(sessions, talk, seen)
    await crowd.talk()
    drain_s = await crowd.drained()
    faults = list(seen.faults)  # before all sessions are closed
    return Talked(
        connections=len(sessions),
        sent=crowd.sent,
        acked=seen.acked,
        deliveries_expected=crowd.expected,
        delivered=seen.delivered,
        faults=faults,
        ack_p50_ms=_ms(seen.acks, 0.5),
        ack_p99_ms=_ms(seen.acks, 0.99),
        delivered_p50_ms=_ms(seen.deliveries, 0.5),
        delivered_p99_ms=_ms(seen.deliveries, 0.99),
        late_p99_ms=_ms(crowd.late, 0.99),
        connect_s=round(connect_s, 2),
        drain_s=round(drain_s, 2),
        idle_kib=round(idle / len(sessions), 1),
        used_kib=round((_memory(talk) - before) / len(sessions), 1),
    )


def _memory(talk: Talk) -> float:
    return sum(machine.resident_kib(pid) for pid in talk.pids)


def _ms(seconds: "array[float]", share: float) -> float:
    return round(quantile(list(seconds), share) * 1000, 1)


if __name__ == "__main__":
    spec.say(uvloop.run(run(spec.given(Talk))))
