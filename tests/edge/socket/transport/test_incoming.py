"""Frames besides commands do not affect other sockets: pings are limited, and the login has a deadline."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from edge.http.websocket_framing import CONTROL_PACE
from schemas.bounds import FRAME_BYTES
from tests.edge.socket.test_limits import Serving, hears, serving  # noqa: F401 - a fixture
from tests.edge.socket.transport.test_server import Served, close_code
from tests.eventually import eventually

PING = b"\x89\x80" + bytes(4)
BURST = PING * 100_000


async def raw(
    served: Served, token: str | None = None, after_s: float = 0
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a WebSocket without a client library, which would not flood; its handshake is sent after `late` seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    await asyncio.sleep(after_s)
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    upgrade = (
        f"GET /socket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}{bearer}\r\n"
    )
    writer.write(upgrade.encode())
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def hung_up_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A flood that continues after the close still receives the close code."""
    async with asyncio.timeout(5):
        said = await reader.readuntil(b"rate_limited")
        assert said[-14:-12] == (4429).to_bytes(2, "big")
        writer.write(PING * 1_000)
        await reader.read()
    writer.close()


@pytest.mark.parametrize("known", [False, True])
async def test_ping_flood_closes_only_its_connection(
    serving: Serving,  # noqa: F811
    known: bool,
) -> None:
    async with serving() as served:
        ann = await served.open("ann")
        await hears(ann)
        reader, writer = await raw(served, served.token("mal") if known else None)
        writer.write(BURST)
        await hung_up_on(reader, writer)
        assert served.world.health.counted["control_floods"] == 1
        await ann.send_json({"id": 1, "type": "conversation:list", "data": {}})
        assert (await hears(ann))["id"] == 1


def fragmented(text: str, size: int) -> bytes:
    """Return a text message in fragments of this size, masked with zeros."""
    parts = [text[at : at + size].encode() for at in range(0, len(text), size)]
    found = bytearray()
    for n, part in enumerate(parts):
        first = (0x80 if n == len(parts) - 1 else 0) | (0 if n else 1)
        sized = bytes((0x80 | len(part),)) if len(part) < 126 else b"\xfe" + len(part).to_bytes(2, "big")
        found += bytes((first,)) + sized + bytes(4) + part
    return bytes(found)


EMPTY = b"\x00\x80" + bytes(4)
BEGINS, ENDS = b"\x01\x80" + bytes(4), b"\x80\x80" + bytes(4)


MANY = b"".join(BEGINS + EMPTY * 10_000 + b"\x80\x82" + bytes(4) + b"{}" for _ in range(20))


@pytest.mark.parametrize("user", [None, "mal"])
@pytest.mark.parametrize("flood", [BEGINS + EMPTY * 150_000 + ENDS, BEGINS + EMPTY * 90_000], ids=["one", "no end"])
async def test_fragment_flood_closes_only_its_connection(
    serving: Serving,  # noqa: F811
    user: str | None,
    flood: bytes,
) -> None:
    async with serving() as served:
        await survives(served, user, flood)


async def test_fragments_of_many_messages_are_limited(serving: Serving) -> None:  # noqa: F811
    async with serving() as served:
        await survives(served, "mal", MANY)


async def survives(served: Served, user: str | None, flood: bytes) -> None:
    ann = await served.open("ann")
    await hears(ann)
    reader, writer = await raw(served, served.token(user) if user else None)
    writer.write(flood)
    await hung_up_on(reader, writer)
    assert served.world.health.counted["fragment_floods"] == 1
    await ann.send_json({"id": 1, "type": "conversation:list", "data": {}})
    assert (await hears(ann))["id"] == 1


async def test_fragmented_messages_are_read_at_the_command_rate(serving: Serving) -> None:  # noqa: F811
    """As large as a message may be, in pieces as small as a program makes them, many at once."""
    async with serving() as served:
        reader, writer = await raw(served, served.token("ann"))
        for n in range(20):
            text = f'{{"id":{n},"type":"conversation:list","data":{{}},"padding":"'
            writer.write(fragmented(text.ljust(FRAME_BYTES - 2, "x") + '"}', 1_024))
        async with asyncio.timeout(20):
            for n in range(20):
                await reader.readuntil(f'"id":{n},'.encode())
        writer.close()
        assert served.world.health.counted["fragment_floods"] == 0


async def test_pings_within_the_limit_are_answered(serving: Serving) -> None:  # noqa: F811
    async with serving() as served:
        reader, writer = await raw(served)
        writer.write(PING * CONTROL_PACE.burst)
        async with asyncio.timeout(5):
            assert await reader.readexactly(2 * CONTROL_PACE.burst) == b"\x8a\x00" * CONTROL_PACE.burst
        writer.close()
        await eventually(lambda: served.sockets.open == 0)


async def test_pings_do_not_extend_the_login_deadline(serving: Serving) -> None:  # noqa: F811
    async with serving(login_ms=300) as served:
        reader, writer = await raw(served)
        began = time.monotonic()
        refused = asyncio.create_task(reader.readuntil(b"no auth within"))
        async with asyncio.timeout(5):
            while not refused.done():
                writer.write(PING)
                await asyncio.wait([refused], timeout=0.05)
        await refused
        assert time.monotonic() - began < 3
        writer.close()


async def test_login_deadline_begins_with_the_connection(serving: Serving) -> None:  # noqa: F811
    async with serving(login_ms=1_500) as served:
        began = time.monotonic()
        reader, writer = await raw(served, after_s=1)
        async with asyncio.timeout(5):
            await reader.readuntil(b"no auth within")
        assert time.monotonic() - began < 2.4
        writer.close()


async def late(served: Served, **headers: str) -> Any:
    return await served.open(None, headers=headers)


async def test_unidentified_connections_are_limited_per_address(serving: Serving) -> None:  # noqa: F811
    async with serving(unauthenticated_per_address=2, trusted_proxies="127.0.0.1") as served:
        first, _ = await late(served), await late(served)
        with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
            await late(served)
        assert served.world.health.counted["unauthenticated_refused"] == 1
        assert await late(served, **{"X-Forwarded-For": "192.0.2.7"})
        await first.send_json({"id": 1, "type": "auth", "data": {"token": served.token("ann")}})
        assert (await hears(first))["type"] == "hello"
        assert await late(served)


async def test_unidentified_connections_are_limited_per_node(serving: Serving) -> None:  # noqa: F811
    async with serving(unauthenticated_connections=1) as served:
        first = await late(served)
        with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
            await late(served)
        await first.send_json({"id": 1, "type": "auth", "data": {"token": "rubbish"}})
        assert await close_code(first) == 4501
        await eventually(lambda: served.sockets.open == 0)
        assert await late(served)


@pytest.mark.parametrize("spoilt", ["Sec-WebSocket-Key: short\r\n", "Sec-WebSocket-Version: 7\r\n", ""])
async def test_malformed_upgrade_is_refused_counted_and_not_logged(
    serving: Serving,  # noqa: F811
    spoilt: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as served:
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n" if spoilt else ""
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(f"GET /socket HTTP/1.1\r\nHost: localhost\r\n{upgrade}{spoilt}\r\n".encode())
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 400")
            assert b"begins with a WebSocket handshake" in await reader.readuntil(b"}")
        writer.close()
        assert served.world.health.counted["upgrades_refused"] == 1
        assert [line for line in caplog.records if line.levelname != "DEBUG"] == []


async def test_unknown_subprotocol_is_counted(serving: Serving) -> None:  # noqa: F811
    async with serving() as served:
        assert await close_code(await served.open(None, protocols=["else.v9"])) == 4506
        assert served.world.health.counted["subprotocols_refused"] == 1
