"""A connection without a whole request in time, or that takes no answer, is cut; slow ones that progress are served."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from core.health import Health
from core.settings import Settings
from edge.composition.serving import bound, gateway, port_of, served, token_trail
from edge.gateway.app import gateway_app
from edge.http.connection import MAX_LOGGED_CHARACTERS, ConnectionLimits
from tests.eventually import eventually

TARGET = "/api/v1/auth/sdk/token"
POST = f"POST {TARGET} HTTP/1.1\r\nHost: localhost\r\nX-App-Key: k\r\nX-App-Secret: s\r\n".encode()
GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b'{"user_id": "ann"' + b" " * 982 + b"}"
LARGE = 30_000_000


class Site:
    """A gateway whose connections have these limits."""

    def __init__(self, port: int, health: Health) -> None:
        self.port = port
        self.health = health

    async def open(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        return reader, writer

    async def lasts(self, sent: bytes, dripped: bytes = b"") -> float:
        """Return how long a connection is kept that sends this, and then that byte by byte."""
        reader, writer = await self.open(sent)
        began, gone = time.monotonic(), asyncio.create_task(read_all(reader))
        async with asyncio.timeout(10):
            while not gone.done():
                writer.write(dripped)
                await asyncio.wait([gone], timeout=0.05)
        writer.close()
        return time.monotonic() - began


async def read_all(reader: asyncio.StreamReader) -> bytes:
    found = b""
    try:
        while more := await reader.read(65_536):
            found += more
    except ConnectionError:
        pass
    return found


Serves = Callable[..., AbstractAsyncContextManager[Site]]


@asynccontextmanager
async def site(answer_s: float = 5, idle_s: float = 5, **limits: Any) -> AsyncIterator[Site]:
    settings = Settings(token_secret="t" * 32, app_key="k", app_secret="s", **{"login_ms": 300, **limits})
    health = Health()
    app = gateway_app(gateway(settings, token_trail(settings, health), []), health)

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=bytes(LARGE))

    app.router.add_get("/large", large)
    with bound("127.0.0.1", 0) as at:
        async with served(app, at, ConnectionLimits(settings, health, answer_s=answer_s, idle_s=idle_s)):
            yield Site(port_of(at), health)


@pytest.mark.parametrize(
    ("sent", "dripped"),
    [
        (b"", b""),
        (b"", b"\r"),
        (b"GET /livez HTTP/1.1\r\nX: ", b""),
        (b"GET /livez HTTP/1.1\r\nX: ", b"a"),
        (POST + b"Content-Length: 1000\r\n\r\n", b""),
        (POST + b"Content-Length: 1000\r\n\r\n", b" "),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["nothing", "a drip", "half a header", "a header that drips", "no body", "a body that drips", "tiny chunks"],
)
async def test_connection_without_whole_request_in_time_is_cut(
    sent: bytes, dripped: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with site() as found:
        assert 0.2 < await found.lasts(sent, dripped) < 4
        await eventually(lambda: found.health.counted["slow_requests"] == 1)
        assert (await request(found, GET)).startswith(b"HTTP/1.1 200")
        assert [line for line in caplog.records if line.levelno >= logging.INFO] == []


async def request(found: Site, sent: bytes) -> bytes:
    reader, writer = await found.open(sent)
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return head


async def test_progressing_body_extends_its_deadline() -> None:
    async with site() as found:
        reader, writer = await found.open(POST + b"Content-Length: 1000\r\n\r\n")
        assert len(BODY) == 1000
        for at in range(0, 1000, 100):
            writer.write(BODY[at : at + 100])
            await asyncio.sleep(0.1)
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()
        assert found.health.counted["slow_requests"] == 0


async def test_connection_is_reused_and_cut_when_idle() -> None:
    async with site(idle_s=0.5) as found:
        reader, writer = await found.open(GET)
        for _ in range(3):
            async with asyncio.timeout(5):
                assert b"HTTP/1.1 200" in await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.3)
            writer.write(GET)
        async with asyncio.timeout(5):
            await read_all(reader)
        writer.close()
        assert found.health.counted["slow_requests"] == 0


async def test_later_request_has_the_same_deadline() -> None:
    async with site() as found:
        assert 0.2 < await found.lasts(GET + b"GET /livez HTTP/1.1\r\nX: ", b"a") < 4
        assert found.health.counted["slow_requests"] == 1


async def test_pipelined_request_has_the_same_deadline() -> None:
    async with site() as found:
        assert 0.2 < await found.lasts(GET + POST + b"Content-Length: 9000\r\n\r\n", b" ") < 4
        assert found.health.counted["slow_requests"] == 1


async def test_untaken_answer_ends_its_connection() -> None:
    async with site(answer_s=0.5) as found:
        _, writer = await found.open(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await eventually(lambda: found.health.counted["slow_answers"] == 1)
        writer.close()


async def test_slowly_taken_answer_arrives_whole() -> None:
    async with site(answer_s=1.0) as found:
        reader, writer = await found.open(b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        taken = 0
        async with asyncio.timeout(30):
            while more := await reader.read(65_536):
                taken += len(more)
                await asyncio.sleep(0.005)
        writer.close()
        assert taken > LARGE


async def test_waiting_connections_are_limited_per_address() -> None:
    async with site(login_ms=60_000, unauthenticated_per_address=3) as found:
        waiting = [
            await found.open(),
            await found.open(b"GET /"),
            await found.open(POST + b"Content-Length: 9\r\n\r\n"),
        ]
        assert (await request(found, b"")).startswith(b"HTTP/1.1 429")
        assert found.health.counted["waiting_refused"] == 1
        waiting[0][1].write(GET)
        async with asyncio.timeout(5):
            await waiting[0][0].readuntil(b"\r\n\r\n")
        assert (await request(found, b"")).startswith(b"HTTP/1.1 429")  # it is idle, and takes a place again
        for _, writer in waiting:
            writer.close()
        await eventually(lambda: asks(found))


async def asks(found: Site) -> None:
    assert (await request(found, GET)).startswith(b"HTTP/1.1 200")


async def test_consecutive_probes_take_one_place() -> None:
    async with site(unauthenticated_connections=1, unauthenticated_per_address=1) as found:
        for _ in range(20):
            await eventually(lambda: asks(found))


async def test_trusted_proxy_takes_no_places() -> None:
    async with site(unauthenticated_per_address=1, trusted_proxies="127.0.0.0/8") as found:
        waiting = [await found.open() for _ in range(5)]
        await asks(found)
        for _, writer in waiting:
            writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"rubbish\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nno header" + b"x" * 5_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000 + b"\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n",
        POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
)
async def test_malformed_request_is_counted_and_logged_in_one_short_line(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with site() as found:
        reader, writer = await found.open(sent)
        async with asyncio.timeout(5):
            await read_all(reader)
        writer.close()
        await eventually(lambda: found.health.counted["malformed_requests"] == 1)
        (line,) = caplog.records
        assert line.exc_info is None
        assert len(line.getMessage()) < MAX_LOGGED_CHARACTERS + 50
        assert getattr(line, "repeats", False)
