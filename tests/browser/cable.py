"""Cable is a TCP relay between pages and a node that can break its lines, or stall them silently."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Cable:
    """Relays to the socket at `to`; `url` is its address for pages."""

    def __init__(self, to: str) -> None:
        self._to = urlsplit(to)
        self._writers: set[asyncio.StreamWriter] = set()
        self._whole = True
        self._alive = asyncio.Event()
        self._alive.set()
        self.url = ""

    def cut(self) -> None:
        """Break every line, and refuse new ones."""
        self._whole = False
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        """Accept new lines again."""
        self._whole = True
        self._alive.set()

    def deaden(self) -> None:
        """Stop relaying data without closing the lines."""
        self._alive.clear()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one line in both directions."""
        if not self._whole:
            writer.transport.abort()
            return
        try:
            far = await asyncio.open_connection(self._to.hostname, self._to.port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far[1]}
        try:
            await asyncio.gather(self._flow(reader, far[1]), self._flow(far[0], writer))
        finally:
            self._writers -= {writer, far[1]}

    async def _flow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                await self._alive.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def laid(to: str) -> AsyncIterator[Cable]:
    """Run a cable to the socket at this URL."""
    cable = Cable(to)
    server = await asyncio.start_server(cable.carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    cable.url = f"ws://127.0.0.1:{port}{urlsplit(to).path}"
    try:
        yield cable
    finally:
        cable.mend()
        cable.cut()
        server.close()
