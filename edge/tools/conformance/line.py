"""Line is a raw connection to a node under test: it keeps every frame in order and validates its shape."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import aiohttp
import msgspec
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from edge.tools.conformance.frame_shapes import shape_of
from schemas.bounds import ANSWER_BYTES
from schemas.wire.frames import SUBPROTOCOL

Frame = dict[str, Any]
T = TypeVar("T")
TIMEOUT_S: Final = 10.0
QUIET_S: Final = 0.5
"""Time in seconds without a push after which it is assumed not to arrive."""

FINAL: Final = 0x80
"""Bit of a frame's first byte: it is the last fragment of its message."""
MASKED: Final = 0x80
NO_MASK: Final = bytes(4)


class Failed(Exception):
    """A node breaks a rule; the text says what was seen."""


class Line:
    """An open line. `said` has all frames so far, `code` the close code once it is closed, `user` the user's name."""

    def __init__(self, socket: ClientWebSocketResponse, user: str) -> None:
        self.user = user
        self.said: list[Frame] = []
        self.code: int | None = None
        self.over = False
        self._socket = socket
        self._asked: dict[int | str, str] = {}
        self._answers: dict[int | str, Frame] = {}
        self._news = asyncio.Event()
        self._last_id = 0
        self._wrong: Failed | None = None

    async def read(self) -> None:
        """Read frames until the line is closed."""
        try:
            while (message := await self._socket.receive()).type is WSMsgType.TEXT:
                self._take(message.data)
        except Failed as wrong:
            self._wrong = wrong
        self.code, self.over = self._socket.close_code, True
        self._news.set()

    def _take(self, text: str) -> None:
        try:
            frame = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise Failed(f"a frame is not JSON: {text[:200]!r}") from error
        asked = self._asked.get(frame.get("id") or 0)
        if (wrong := shape_of(frame, asked)) is not None:
            raise Failed(f"{wrong}: {text[:300]}")
        if len(text.encode()) > ANSWER_BYTES:
            raise Failed(f"a frame of type {frame['type']} is larger than {ANSWER_BYTES} bytes")
        self.said.append(frame)
        if frame.get("id") is not None:
            if frame["id"] in self._answers:
                raise Failed(f"{frame['id']!r} is answered twice")
            self._answers[frame["id"]] = frame
        self._news.set()

    async def send(self, text: str | bytes) -> None:
        """Send this as a text frame, whatever it is. Raises `Failed` where the line is closed."""
        try:
            await self._socket.send_frame(text.encode() if isinstance(text, str) else text, WSMsgType.TEXT)
        except (aiohttp.ClientError, OSError) as error:
            raise Failed(f"the line is closed, with {self._socket.close_code}") from error

    async def send_binary(self, data: bytes) -> None:
        """Send a binary frame."""
        await self._socket.send_bytes(data)

    async def send_in_fragments(self, data: bytes) -> None:
        """Send a text frame in fragments of one byte each; an empty one ends it."""
        for n in range(len(data)):
            self.send_fragment(data[n : n + 1], first=n == 0)
        self.send_fragment(b"", last=True)

    def send_fragment(self, data: bytes, *, first: bool = False, last: bool = False) -> None:
        """Send up to 125 bytes as a fragment of a text frame, masked with zeros; do nothing on a closed line.

        A write to a closed transport is ignored by asyncio, and raises on uvloop.
        """
        header = bytes(((FINAL if last else 0) | (WSMsgType.TEXT if first else 0), MASKED | len(data)))
        with contextlib.suppress(OSError, RuntimeError):
            self._socket._writer.transport.write(header + NO_MASK + data)

    async def send_unmasked(self, text: str) -> None:
        """Send a text frame without a mask, which the protocol forbids."""
        writer = self._socket._writer
        writer.use_mask = False
        await self.send(text)

    async def ping(self) -> None:
        """Send a ping; do nothing on a closed line."""
        with contextlib.suppress(aiohttp.ClientError, OSError):
            await self._socket.ping()

    async def begin(
        self,
        kind: str,
        data: Frame,
        *,
        encode: Callable[[Frame], bytes] = msgspec.json.encode,
        send: Callable[[bytes], Awaitable[None]] | None = None,
        **around: Any,
    ) -> int | str:
        """Send a command as this JSON, by `send` or in one frame; return the id that its answer will have."""
        self._last_id += 1
        frame_id = around.pop("id", self._last_id)
        self._asked[frame_id] = kind
        await (send or self.send)(encode({"id": frame_id, "type": kind, "data": data, **around}))
        return frame_id  # type: ignore[no-any-return]

    async def answer(self, frame_id: int | str) -> Frame:
        """Return the answer to this command."""
        return await self.until(lambda: self._answers.get(frame_id), f"no answer to {self._asked[frame_id]}")

    async def ask(self, kind: str, data: Frame, **around: Any) -> Frame:
        """Send a command; return its answer, a success or an error."""
        return await self.answer(await self.begin(kind, data, **around))

    async def done(self, kind: str, data: Frame, **around: Any) -> Any:
        """Send a command until it succeeds, repeating it after errors with `retry`; return the answer's data."""
        frame = await self.settled(kind, data, **around)
        if frame["type"] == "error":
            raise Failed(f"{kind} is refused with {frame['error']['code']}: {frame['error']['detail']}")
        return frame["data"]

    async def settled(self, kind: str, data: Frame, **around: Any) -> Frame:
        """Send a command, repeating it after errors with `retry`; return its last answer, a success or an error."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                frame = await self.ask(kind, data, **around)
                if frame["type"] != "error" or not frame["error"]["retry"]:
                    return frame
                await asyncio.sleep((frame["error"]["retry_after_ms"] or 100) / 1000)

    async def refused(self, kind: str, data: Frame, *codes: str) -> Frame:
        """Send a command that must be refused with one of these codes; return the error."""
        frame = await self.ask(kind, data)
        if frame["type"] != "error" or frame["error"]["code"] not in codes:
            raise Failed(f"{kind} should be refused with {' or '.join(codes)}, the answer is {frame}")
        return frame

    async def until(self, check: Callable[[], T | None], otherwise: str, within_s: float | None = None) -> T:
        """Return the first truthy result of `check`. Raises `Failed` with `otherwise` after a timeout or a close."""
        within_s = TIMEOUT_S if within_s is None else within_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not (found := check()) and not self.over:
                    self._news.clear()
                    await self._news.wait()
        if found := check():
            return found
        if self._wrong is not None:
            raise self._wrong
        raise Failed(f"{otherwise} ({f'closed with {self.code}' if self.over else f'within {within_s:g} s'})")

    def pushes(self, kind: str | None = None, **wanted: Any) -> list[Frame]:
        """Return the pushes so far of this type, whose data has these fields."""
        return [
            frame
            for frame in self.said
            if frame.get("id") is None
            and frame["type"] == (kind or frame["type"])
            and all((frame.get("data") or {}).get(name) == value for name, value in wanted.items())
        ]

    async def push(self, kind: str, **wanted: Any) -> Frame:
        """Return the first push of this type with these fields; it may have arrived before the call."""
        return await self.until(lambda: next(iter(self.pushes(kind, **wanted)), None), f"no {kind} with {wanted}")

    async def quiet(self, kind: str, **wanted: Any) -> None:
        """Return if no such push arrives within half a second. Raises `Unwanted`."""
        with contextlib.suppress(Failed):
            found = await self.until(lambda: self.pushes(kind, **wanted), "", QUIET_S)
            raise Unwanted(f"{self.user} receives a push for others: {found[0]}")
        if self._wrong is not None:
            raise self._wrong

    async def closed(self, *codes: int) -> None:
        """Return when the node has closed the line with one of these codes."""
        await self.until(lambda: self.over or None, f"the line is not closed with {codes}")
        if self.code not in codes:
            raise Failed(f"the line is closed with {self.code}, not with {' or '.join(map(str, codes))}")

    def numbers(self, lane: str, conversation_id: str) -> list[int]:
        """Return the numbers of a lane in the order they were pushed."""
        return [frame["n"] for frame in self.pushes(conversation_id=conversation_id) if frame.get("lane") == lane]


class Unwanted(Exception):
    """A push that the user must not receive."""


@asynccontextmanager
async def opened(
    session: ClientSession, url: str, user: str, *, token: str | None = None, protocol: str = SUBPROTOCOL, **more: Any
) -> AsyncIterator[Line]:
    """Open a line, and log in if there is a token. Raises `Failed` where the node refuses the line."""
    try:
        socket = await session.ws_connect(url, protocols=(protocol,), max_msg_size=0, **more)
    except (aiohttp.ClientError, OSError) as error:
        raise Failed(f"no line to {url}: {error}") from error
    line = Line(socket, user)
    reading = asyncio.create_task(line.read(), name=f"line of {user}")
    try:
        if token is not None:
            await line.begin("auth", {"token": token}, id="auth")
            await line.push("hello")
        yield line
    finally:
        await socket.close()
        await reading
