"""The socket protocol as docs/protocol.md has it, spoken with a WebSocket library and nothing of ours."""

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
WITHIN_S = 15.0


class Line:
    """One open line: `ask` a command, wait for pushes; `said` keeps every frame in the order it came."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.said: list[Frame] = []
        self.code: int | None = None
        self._waiting: dict[int, asyncio.Future[Frame]] = {}
        self._news = asyncio.Condition()
        self._last_id = 100

    async def read(self) -> None:
        """Take in what comes, until the line closes; `code` is its close code then."""
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
            pass  # its code says the same
        self.code = self.socket.close_code
        async with self._news:
            self._news.notify_all()
        for waits in self._waiting.values():
            waits.cancel()

    async def begin(self, kind: str, data: Frame, **around: Any) -> asyncio.Future[Frame]:
        """Send a command; its answer to come."""
        self._last_id += 1
        answer = self._waiting[self._last_id] = asyncio.get_running_loop().create_future()
        frame = {"id": self._last_id, "type": kind, "data": data, **around}
        await self.socket.send(json.dumps(frame, ensure_ascii=False))
        return answer

    async def ask(self, kind: str, data: Frame, **around: Any) -> Frame:
        """The whole answer to a command, whatever it is."""
        async with asyncio.timeout(WITHIN_S):
            return await (await self.begin(kind, data, **around))

    async def done(self, kind: str, data: Frame, **around: Any) -> Frame:
        """The data of a command's yes."""
        answer = await self.ask(kind, data, **around)
        assert answer["type"] in {"ack", "synced"}, answer
        return answer["data"]  # type: ignore[no-any-return]

    async def until(self, check: Callable[[], Any], seconds: float = WITHIN_S) -> Any:
        """What `check` answers, once that is true; it is asked again with every frame."""
        async with asyncio.timeout(seconds), self._news:
            while not (found := check()):
                assert self.code is None, f"closed with {self.code}"
                await self._news.wait()
        return found

    async def push(self, kind: str, **wanted: Any) -> Frame:
        """The first push of this type whose data has these fields; it may have come before."""
        return await self.until(lambda: next(iter(self.pushes(kind, **wanted)), None))  # type: ignore[no-any-return]

    def pushes(self, kind: str, **wanted: Any) -> list[Frame]:
        """All pushes so far of this type whose data has these fields."""
        return [
            frame
            for frame in self.said
            if frame["type"] == kind
            and all((frame.get("data") or {}).get(name) == value for name, value in wanted.items())
        ]

    async def closed(self, seconds: float = WITHIN_S) -> int | None:
        """The close code."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: self.code is not None)
        return self.code


@asynccontextmanager
async def opened(url: str, token: str | None = None, **more: Any) -> AsyncIterator[Line]:
    """A line on which an `auth` frame was sent, if there is a token; `more` goes to the library."""
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
