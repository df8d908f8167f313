"""Asker is a user who asks without rest through killed nodes and frozen stores, and remembers each answer."""

import asyncio
import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from websockets.exceptions import InvalidHandshake, WebSocketException

from tests.e2e.line import Frame, Line, opened

ANSWER_S = 15.0
RETRY_S = 0.2
EMOJI = "\U0001f44d"


@dataclass(frozen=True)
class Answered:
    """A command that was answered for good: `code` is that of its error, empty if it was acknowledged."""

    actor: str
    action: str
    code: str
    correlation_id: str


@dataclass
class Asker:
    """One user: `room` is theirs, `foreign` one that they are not in. `interval_s` lies between two commands."""

    user: str
    token: str
    urls: Sequence[str]
    room: str
    foreign: str
    interval_s: float
    over: asyncio.Event
    answers: list[Answered] = field(default_factory=list)
    repeated: int = 0
    last: str = field(default="", init=False)

    async def ask_until_over(self) -> None:
        """Ask one command after the other, each until its answer is final, on whatever node answers."""
        urls, script = itertools.cycle(self.urls), self._script()
        waiting: tuple[str, Frame, str] | None = None
        while not self.over.is_set() or waiting is not None:
            with contextlib.suppress(OSError, TimeoutError, WebSocketException, InvalidHandshake, AssertionError):
                async with opened(next(urls), self.token) as line:
                    while not self.over.is_set() or waiting is not None:
                        action, data, correlation_id = waiting or (*next(script), str(uuid4()))
                        retry = waiting is not None
                        waiting = (action, data, correlation_id)
                        self.repeated += retry
                        if await self._answered(line, *waiting, retry=retry):
                            waiting = None
                            await asyncio.sleep(self.interval_s)
            if waiting is not None:
                await asyncio.sleep(RETRY_S)

    async def _answered(self, line: Line, action: str, data: Frame, correlation_id: str, *, retry: bool) -> bool:
        """Ask once; return whether the answer is final. Raises `TimeoutError`, and an error of a line that breaks."""
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await (await line.begin(action, data, correlation_id=correlation_id, retry=retry))
        except asyncio.CancelledError:
            if line.code is None:
                raise
            raise TimeoutError from None  # the line broke, which cancels its answers
        error = answer.get("error")
        if error is not None and error["retry"]:
            await asyncio.sleep((error["retry_after_ms"] or 100) / 1000)
            return False
        self._remember(action, answer, "" if error is None else error["code"])
        return True

    def _remember(self, action: str, answer: Frame, code: str) -> None:
        assert answer["correlation_id"]
        self.answers.append(Answered(self.user, action, code, answer["correlation_id"]))
        if action == "message:send" and not code:
            self.last = answer["data"]["message_id"]

    def _script(self) -> Iterator[tuple[str, Frame]]:
        """Yield commands that are accepted, that change nothing, and that are refused."""
        for n in itertools.count():
            here, key = {"conversation_id": self.room}, f"{self.user}-{n}"
            yield "message:send", {**here, "client_msg_id": key, "text": f"said {n}"}
            said = {**here, "message_id": self.last}
            yield "message:edit", {**said, "text": f"meant {n}", "client_key": f"e{key}"}
            yield "message:edit", {**said, "text": f"meant {n}", "client_key": f"s{key}"}
            yield "reaction:add", {**said, "emoji": EMOJI, "client_key": f"a{key}"}
            yield "message:send", {"conversation_id": self.foreign, "client_msg_id": key, "text": "let me in"}
            yield "conversation:remove-participants", {**here, "participants": [f"nobody-{n}"], "client_key": f"r{key}"}
            yield "message:delete", {**said, "client_key": f"d{key}"}
            yield "message:edit", {**said, "text": "too late", "client_key": f"l{key}"}
