"""A client of the socket protocol of docs/protocol.md, with a WebSocket library and none of our code."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Frame = dict[str, Any]
TIMEOUT_S = 15.0


class Line:
    """One open line: `ask` a command, wait for pushes; `said` keeps every received frame in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.said: list[Frame] = []
        self.code: int | None = None
        self._waiting: dict[int, asyncio.Future[Frame]] = {}
        self._news = asyncio.Condition()
        self._last_id = 100

    async def read(self) -> None:
        """Read frames until the line closes; then `code` is its close code."""
        try:
            async for text in self.socket:
                frame = json.loads(text)
                self.said.append(frame)
                waits = self._waiting.pop(frame["id"], None) if frame.get("id") is not None else None
                if waits is not None and not waits.done():
                    waits.set_result(frame)
                async with self._news:
                    self._news.notify_all()
        except ConnectionClosed:
            pass  # the close code has the reason
        self.code = self.socket.close_code
        async with self._news:
            self._news.notify_all()
        for waits in self._waiting.values():
            waits.cancel()

    async def begin(self, kind: str, data: Frame, **around: Any) -> asyncio.Future[Frame]:
        """Send a command; return the future of its answer."""
        self._last_id += 1
        answer = self._waiting[self._last_id] = asyncio.get_running_loop().create_future()
        frame = {"id": self._last_id, "type": kind, "data": data, **around}
        await self.socket.send(json.dumps(frame, ensure_ascii=False))
        return answer

    async def ask(self, kind: str, data: Frame, **around: Any) -> Frame:
        """Send a command; return its answer, a success or an error."""
        async with asyncio.timeout(TIMEOUT_S):
            return await (await self.begin(kind, data, **around))

    async def done(self, kind: str, data: Frame, **around: Any) -> Frame:
        """Send a command that must succeed; return the answer's data."""
        answer = await self.ask(kind, data, **around)
        assert answer["type"] in {"ack", "synced"}, answer
        return answer["data"]  # type: ignore[no-any-return]

    async def until(self, check: Callable[[], Any], seconds: float = TIMEOUT_S) -> Any:
        """Return the first truthy result of `check`, which is called again after every frame."""
        async with asyncio.timeout(seconds), self._news:
            while not (found := check()):
                assert self.code is None, f"closed with {self.code}"
                await self._news.wait()
        return found

    async def push(self, kind: str, **wanted: Any) -> Frame:
        """Return the first push of this type whose data has these fields; it may have arrived before."""
        return await self.until(lambda: next(iter(self.pushes(kind, **wanted)), None))  # type: ignore[no-any-return]

    def pushes(self, kind: str, **wanted: Any) -> list[Frame]:
        """Return all pushes so far of this type whose data has these fields."""
        return [
            frame
            for frame in self.said
            if frame["type"] == kind
            and all((frame.get("data") or {}).get(name) == value for name, value in wanted.items())
        ]

    async def closed(self, seconds: float = TIMEOUT_S) -> int | None:
        """Wait for the close; return its code."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: self.code is not None)
        return self.code


@asynccontextmanager
async def opened(url: str, token: str | None = None, **more: Any) -> AsyncIterator[Line]:
    """Open a line, and send an `auth` frame if there is a token; `more` is passed to the library."""
    options: dict[str, Any] = {"subprotocols": [Subprotocol("caas.v1.json")], "compression": None, **more}
    async with connect(url, proxy=None, ping_interval=None, max_size=None, **options) as socket:
        line = Line(socket)
        reading = asyncio.create_task(line.read(), name="line reads")
        try:
            if token is not None:
                await socket.send(json.dumps({"id": "auth", "type": "auth", "data": {"token": token}}))
                await line.until(lambda: line.said and line.said[0]["type"] == "hello")
            yield line
        finally:
            with contextlib.suppress(ConnectionClosed):
                await socket.close()
            await reading
