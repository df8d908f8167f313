"""Sends messages of many users and counts every delivery at every session, in one light process.

They are sent at an even pace, or by each user as fast as its sends are acknowledged.

`python -m edge.tools.bench.talking SPEC` prints the result as one JSON line.
"""

import asyncio
import gc
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
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


@dataclass(frozen=True, slots=True)
class Sample:
    """What had happened at a moment: sends, how many were acknowledged, deliveries, processor time of each server."""

    at: float
    sent: int
    acked: int
    delivered: int
    cpu_s: list[float]


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

    def sample(self) -> Sample:
        """Return what happened so far."""
        cpu_s = [machine.cpu_s(pid) for pid in self._talk.pids]
        return Sample(time.monotonic(), self.sent, self._seen.acked, self._seen.delivered, cpu_s)

    def say(self, number: int, seat: int, due: float | None = None) -> None:
        """Send one more message into a circle; it is due now, or was at this time."""
        due = time.monotonic() if due is None else due
        self.sent += 1
        self._counts[number] += 1
        payload = (
            f'{{"id":{self.sent},"type":"message:send","data":{{'
            f'"conversation_id":"{self._talk.circles[number].conversation_id}",'
            f'"client_msg_id":"{self._talk.run}-{self.sent}","text":"{int(due * 1e9)} {self._text}"}}}}'
        )
        self._sessions[seat].send(self.sent, due, payload.encode())

    async def talk(self) -> tuple[Sample, Sample]:
        """Send; return what had happened when the first timed sends were due, and at the end."""
        began, warm_s = time.monotonic(), min(self._talk.warm_s, self._talk.seconds / 2)
        self._seen.timed = began + warm_s
        async with asyncio.TaskGroup() as tasks:
            sending = self._evenly(began) if self._talk.in_flight is None else self._in_flight(self._talk.in_flight)
            tasks.create_task(sending, name="sending")
            await asyncio.sleep(warm_s)
            warm = self.sample()
        return warm, self.sample()

    async def _evenly(self, began: float) -> None:
        """Send at the rate, each message when it is due."""
        every = 1 / self._talk.rate
        for number in range(int(self._talk.seconds * self._talk.rate)):
            due = began + number * every
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.say(*self._chances.next(), due)
            if due >= self._seen.timed:
                self.late.append(time.monotonic() - due)

    async def _in_flight(self, count: int) -> None:
        """Keep `count` sends of each seat unacknowledged. One that is refused is not replaced."""
        circle_of = {seat: number for number, circle in enumerate(self._talk.circles) for seat in circle.members}
        for seat, session in enumerate(self._sessions):
            session.acknowledged = partial(self.say, circle_of[seat], seat)
            for _ in range(count):
                self.say(circle_of[seat], seat)
        await asyncio.sleep(self._talk.seconds)
        for session in self._sessions:
            session.acknowledged = None

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
    warm, last = await crowd.talk()
    drain_s = await crowd.drained()
    drained = crowd.sample()
    faults = list(seen.faults)  # before all sessions are closed
    seconds, copies = last.at - warm.at, crowd.expected / max(1, crowd.sent)
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
        acked_per_s=round((last.acked - warm.acked) / seconds, 1),
        delivered_per_s=round((last.delivered - warm.delivered) / copies / seconds, 1),
        undelivered=max(0, round(last.acked - last.delivered / copies)),
        cpu_ms=_cpu_ms(warm, drained),
        connect_s=round(connect_s, 2),
        drain_s=round(drain_s, 2),
        idle_kib=round(idle / len(sessions), 1),
        used_kib=round((_memory(talk) - before) / len(sessions), 1),
    )


def _memory(talk: Talk) -> float:
    return sum(machine.resident_kib(pid) for pid in talk.pids)


def _cpu_ms(first: Sample, last: Sample) -> list[float]:
    sent = max(1, last.sent - first.sent)
    return [round((after - before) * 1000 / sent, 3) for before, after in zip(first.cpu_s, last.cpu_s, strict=True)]


def _ms(seconds: "array[float]", share: float) -> float:
    return round(quantile(list(seconds), share) * 1000, 1)


if __name__ == "__main__":
    spec.say(uvloop.run(run(spec.given(Talk))))
