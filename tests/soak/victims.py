"""Victims are the ordinary users during an attack: some send, one receives, one reconnects every second."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.e2e.line import opened
from tests.eventually import eventually

SAYERS = 4
SEND_INTERVAL_S = 0.2
ANSWER_TIMEOUT_S = 30.0
VISIT_INTERVAL_S = 1.0


@dataclass
class Phase:
    """The latencies of a phase, in ms."""

    acks: list[float] = field(default_factory=list)
    deliveries: list[float] = field(default_factory=list)
    visits: dict[str, list[float]] = field(default_factory=dict)
    minutes: dict[int, list[float]] = field(default_factory=dict)
    _begun: float = field(default_factory=time.perf_counter)

    def acked(self, ms: float) -> None:
        """Note the time that an acknowledgment took."""
        self.acks.append(ms)
        self.minutes.setdefault(int((time.perf_counter() - self._begun) / 60), []).append(ms)

    def visited(self, step: str, began: float) -> float:
        """Note the time that a step of a visit took until now; return now."""
        now = time.perf_counter()
        self.visits.setdefault(step, []).append((now - began) * 1000)
        return now

    def summary(self) -> dict[str, Any]:
        """Return counts and percentiles, also those of each minute."""
        return {
            "acks": len(self.acks),
            "ack_p50_ms": at(self.acks, 0.5),
            "ack_p99_ms": at(self.acks, 0.99),
            "ack_max_ms": at(self.acks, 1),
            "delivered_p99_ms": at(self.deliveries, 0.99),
            "ack_p50_ms_by_minute": [at(times, 0.5) for _, times in sorted(self.minutes.items())],
            "ack_p99_ms_by_minute": [at(times, 0.99) for _, times in sorted(self.minutes.items())],
            "visits": len(self.visits.get("whole", ())),
            "visit_p50_ms": {step: at(times, 0.5) for step, times in self.visits.items()},
            "visit_p99_ms": {step: at(times, 0.99) for step, times in self.visits.items()},
        }


def at(times: list[float], part: float) -> float:
    """Return a percentile; 0 if there are no times."""
    return round(sorted(times)[min(len(times) - 1, int(len(times) * part))], 2) if times else 0.0


@dataclass
class Victims:
    """The results of the ordinary users: times by phase, and faults."""

    url: str
    tokens: dict[str, str]
    room: str
    phase: Phase = field(default_factory=Phase)
    faults: list[str] = field(default_factory=list)
    said: int = 0
    acked: int = 0
    received: int = 0
    silent: bool = False
    _received_of: Counter[str] = field(default_factory=Counter)
    _begun: dict[str, float] = field(default_factory=dict)

    async def say(self, sayer: int) -> None:
        """Send a message at each beat until `silent`, without waiting for answers; times count from the beat.

        Return when all have been answered, or after `ANSWER_TIMEOUT_S`.
        """
        due: dict[int, float] = {}
        async with _line(self.url, self.tokens[f"says-{sayer}"]) as line:
            answers = asyncio.create_task(self._answers(line, due), name="receives answers")
            beat, said = time.perf_counter() + SEND_INTERVAL_S * sayer / SAYERS, 0
            try:
                while not self.silent:
                    beat += SEND_INTERVAL_S
                    await asyncio.sleep(beat - time.perf_counter())
                    said += 1
                    self.said += 1
                    key = f"{sayer}-{said}"
                    due[said] = self._begun[key] = beat
                    data = {"conversation_id": self.room, "client_msg_id": key, "text": f"said {said}"}
                    await line.send(json.dumps({"id": said, "type": "message:send", "data": data}))
                await eventually(lambda: not due, within=ANSWER_TIMEOUT_S)
            except (ConnectionClosed, AssertionError) as error:
                self.faults.append(f"the sender, with {len(due)} unanswered: {error}")
            finally:
                answers.cancel()
                await asyncio.gather(answers, return_exceptions=True)

    async def _answers(self, line: ClientConnection, due: dict[int, float]) -> None:
        async for text in line:
            frame = json.loads(text)
            if frame["type"] == "ack" and frame["id"] in due:
                self.phase.acked((time.perf_counter() - due.pop(frame["id"])) * 1000)
                self.acked += 1
            elif frame["type"] == "error":
                self.faults.append(f"refused: {frame}")

    async def receive(self) -> None:
        """Check that every message arrives once, in order, none missing."""
        async with _line(self.url, self.tokens["hears"]) as line:
            try:
                async for text in line:
                    self._received(json.loads(text))
            except ConnectionClosed as closed:
                self.faults.append(f"the receiver was closed: {closed}")

    def _received(self, frame: dict[str, Any]) -> None:
        if frame["type"] != "message:new":
            return
        key = frame["data"]["client_msg_id"]
        sayer, _, said = key.partition("-")
        if (frame["n"], int(said)) != (self.received + 1, self._received_of[sayer] + 1):
            self.faults.append(
                f"received {key} as {frame['n']} after {self.received}, {self._received_of[sayer]} of them"
            )
        self.received, self._received_of[sayer] = frame["n"], int(said)
        if (begun := self._begun.pop(key, None)) is not None:
            self.phase.deliveries.append((time.perf_counter() - begun) * 1000)

    async def visit(self) -> None:
        """Connect every second, query the list, the history and sometimes a search, and disconnect."""
        while True:
            began = time.perf_counter()
            try:
                async with asyncio.timeout(15), opened(self.url, self.tokens["visits"]) as line:
                    now = self.phase.visited("login", began)
                    await line.done("conversation:list", {})
                    now = self.phase.visited("list", now)
                    await line.done("message:history", {"conversation_id": self.room})
                    now = self.phase.visited("history", now)
                    if int(began) % 5 == 0:
                        await line.done("search:messages", {"text": "said"})
                        now = self.phase.visited("search", now)
                self.phase.visited("close", now)
            except (OSError, TimeoutError, AssertionError, ConnectionClosed) as error:
                self.faults.append(f"the visitor: {error!r}"[:300])
            else:
                self.phase.visited("whole", began)
            await asyncio.sleep(max(0.0, VISIT_INTERVAL_S - (time.perf_counter() - began)))


@asynccontextmanager
async def _line(url: str, token: str) -> AsyncIterator[ClientConnection]:
    async with connect(
        url, subprotocols=[Subprotocol("caas.v1.json")], compression=None, proxy=None, ping_interval=None, max_size=None
    ) as line:
        await line.send(json.dumps({"id": "auth", "type": "auth", "data": {"token": token}}))
        hello = json.loads(await line.recv())
        assert hello["type"] == "hello", hello
        yield line
