"""Real sockets on a loopback port: how they open, and all the ways they end."""

import asyncio
import base64
import contextlib
import gc
import json
import logging
import secrets
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import WSMsgType

from core.rate_limit import Rate
from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.composition.node import random_id
from edge.composition.serving import listening
from edge.http.fair_share import FairShare
from edge.http.websocket_framing import UNMASKED
from edge.socket.node import Node
from edge.socket.transport.server import SPREAD_MS, Entrance, Sockets, socket_app
from schemas import ids
from schemas.bounds import FRAME_BYTES
from schemas.topics import AUDIT_LOG, partition_of
from tests.edge.socket.world import Person, World, room, send, world
from tests.eventually import eventually

SECRET = "s" * 32
TTL_S = 900
MASKED_CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"
CORRELATION = "6f1d1f8a-0000-4000-8000-0000000000ff"
Ws = aiohttp.ClientWebSocketResponse


class Served:
    def __init__(self, found: World, node: Node, **settings: Any) -> None:
        self.world = found
        self.node = node
        self.settings = Settings(drain_ms=200, slow_consumer_ms=300, **settings)
        self.tokens = Tokens(SECRET, TTL_S)
        self.sockets = Sockets(node, self.tokens, self.settings, found.health, random_id)
        self.session = aiohttp.ClientSession()
        self.entrance = Entrance(found.health)
        self.app = socket_app(self.entrance, found.health)
        self.stack = AsyncExitStack()
        self.port = 0
        self.url = ""

    async def start(self) -> None:
        settings = msgspec.structs.replace(self.settings, port=0)
        self.port = await self.stack.enter_async_context(listening(self.app, settings, self.world.health))
        self.url = f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        await self.session.close()
        await self.stack.aclose()

    async def open(self, user: str | None = "ann", **more: Any) -> Ws:
        headers = {"Authorization": f"Bearer {self.token(user)}"} if user else {}
        options = {"protocols": ["caas.v1.json"], "headers": headers, **more}
        return await self.session.ws_connect(f"{self.url}/socket", **options)

    def token(self, user: str) -> str:
        return self.tokens.issue("acme", user)[0]


@pytest.fixture
async def starting(tmp_path: Path) -> AsyncIterator[Served]:
    async with world(tmp_path) as (found, node):
        server = Served(found, node, outbox_bytes=100_000)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


@pytest.fixture
async def served(starting: Served) -> Served:
    starting.entrance.open(starting.sockets)
    return starting


async def close_code(ws: Ws) -> int | None:
    async with asyncio.timeout(10):
        while (await ws.receive()).type not in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR}:
            pass
    return ws.close_code


async def ask(ws: Ws, kind: str, **data: Any) -> dict[str, Any]:
    await ws.send_json({"id": 1, "type": kind, "data": data})
    async with asyncio.timeout(5):
        while "id" not in (frame := await ws.receive_json()):
            pass
    found: dict[str, Any] = frame
    return found


async def test_bearer_token_opens_a_session_with_the_subprotocol(served: Served) -> None:
    ws = await served.open()
    assert (await ws.receive_json())["type"] == "hello"
    assert ws.protocol == "caas.v1.json"
    assert ws.compress == 0


async def test_auth_frame_opens_a_session(served: Served) -> None:
    ws = await served.open(None)
    await ws.send_json({"id": 1, "type": "auth", "data": {"token": served.token("ben")}, "correlation_id": CORRELATION})
    hello, answer = await ws.receive_json(), await ws.receive_json()
    assert (hello["type"], hello["data"]["user_id"], "id" in hello) == ("hello", "ben", False)
    assert (answer["id"], answer["type"], answer["correlation_id"]) == (1, "ack", CORRELATION)
    assert answer["data"]["user_id"] == "ben" and 0 < answer["data"]["expires_in"] <= TTL_S


async def test_header_token_is_answered_by_hello_alone(served: Served) -> None:
    ws = await served.open()
    await ws.receive_json()
    await ws.send_json({"id": 2, "type": "conversation:list", "data": {}})
    assert (await ws.receive_json())["id"] == 2


async def test_wrong_token_is_answered_and_closed_permanently(served: Served) -> None:
    ws = await served.open(None)
    await ws.send_json({"id": 1, "type": "auth", "data": {"token": "wrong"}, "correlation_id": CORRELATION})
    frame = await ws.receive_json()
    assert (frame["id"], frame["correlation_id"], frame["error"]["code"]) == (1, CORRELATION, "unauthorized")
    assert await close_code(ws) == 4501


async def test_handshake_and_login_are_under_the_correlation_id_of_the_handshake(served: Served) -> None:
    named = {"X-Correlation-ID": CORRELATION}
    ws = await served.open(headers=named | {"Authorization": f"Bearer {served.token('ann')}"})
    assert ws._response.headers["X-Correlation-ID"] == CORRELATION
    refused = await served.open(None, headers=named | {"Authorization": "Bearer wrong"})
    assert (await refused.receive_json())["correlation_id"] == CORRELATION

    async def recorded() -> bool:
        at, log = partition_of(AUDIT_LOG, b"acme"), served.world.log
        records = [one async for batch in log.read({at: 0}, await log.end_offsets([at])) for one in batch]
        logins = [dict(one.headers) for one in records if b"auth:login" in (one.value or b"")]
        return [login["correlation_id"] for login in logins] == [CORRELATION.encode()]

    await eventually(recorded)


async def test_expired_token_is_closed_for_a_retry(served: Served) -> None:
    old = Tokens(SECRET, 1, now=lambda: time.time() - 100).issue("acme", "ann")[0]
    ws = await served.open(None, headers={"Authorization": f"Bearer {old}"})
    assert (await ws.receive_json())["error"]["code"] == "token_expired"
    assert await close_code(ws) == 4401


async def test_open_connection_ends_with_its_token(served: Served) -> None:
    short = Tokens(SECRET, 1).issue("acme", "ann")[0]
    ws = await served.open(None, headers={"Authorization": f"Bearer {short}"})
    assert (await ws.receive_json())["type"] == "hello"
    assert await close_code(ws) == 4401


async def test_unmasked_frame_closes_permanently_and_is_not_read(served: Served) -> None:
    ws = await served.open()
    await ws.receive_json()
    await ws.send_json({"id": 1, "type": "conversation:create", "data": {"client_key": "k"}})
    ws._writer.use_mask = False
    await ws.send_json({"id": 2, "type": "conversation:create", "data": {"client_key": "l"}})
    received = [message.json() async for message in ws if message.type is WSMsgType.TEXT]
    assert [frame["id"] for frame in received if "id" in frame] in ([1], [])
    assert ws.close_code == 1002


async def test_unmasked_frame_with_the_handshake_is_not_read(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
    handshake = f"GET /socket HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.token('ann')}\r\n"
    handshake += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    handshake += f"Sec-WebSocket-Key: {'a' * 22}==\r\n\r\n"
    writer.write(handshake.encode() + b"\x81\x02{}")
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    async with asyncio.timeout(10):
        said = await reader.read()
    assert said.endswith((1002).to_bytes(2, "big") + UNMASKED.reason.encode())
    writer.close()


async def test_renewed_token_keeps_a_connection_open(served: Served) -> None:
    short = Tokens(SECRET, 1).issue("acme", "ann")[0]
    ws = await served.open(None, headers={"Authorization": f"Bearer {short}"})
    assert (await ws.receive_json())["data"]["expires_in"] <= 1
    renewed = await ask(ws, "auth", token=served.token("ann"))
    assert (renewed["type"], renewed["data"]["user_id"]) == ("ack", "ann")
    assert renewed["data"]["expires_in"] >= TTL_S - 1
    with pytest.raises(TimeoutError):
        await ws.receive(timeout=1.2)
    assert (await ask(ws, "conversation:list"))["type"] == "ack"
    last = await ask(ws, "auth", token=Tokens(SECRET, 1).issue("acme", "ann")[0])
    assert last["data"]["expires_in"] <= 1
    assert await close_code(ws) == 4401


async def test_renewed_token_has_its_own_names(served: Served) -> None:
    ws = await served.open()
    await ws.receive_json()
    for names, asked, name in (((), "o-1", "@ann/o-1"), (("o-",), "o-2", "o-2"), ((), "o-3", "@ann/o-3")):
        await ask(ws, "auth", token=served.tokens.issue("acme", "ann", names)[0])
        opened = await ask(ws, "conversation:create", external_id=asked)
        assert opened["data"]["conversation_id"] == ids.external_conversation_id("acme", name)


async def test_refused_renewal_keeps_the_old_token(served: Served) -> None:
    ws = await served.open()
    await ws.receive_json()
    old = Tokens(SECRET, 1, now=lambda: time.time() - 100).issue("acme", "ann")[0]
    for token, code in (
        (served.token("ben"), "unauthorized"),
        (served.tokens.issue("else", "ann")[0], "unauthorized"),
        ("rubbish", "unauthorized"),
        (old, "token_expired"),
    ):
        assert (await ask(ws, "auth", token=token))["error"]["code"] == code
    assert served.world.health.counted["renewals_refused"] == 4
    assert (await ask(ws, "conversation:list"))["type"] == "ack"


async def test_client_above_the_rate_waits_without_refusals(served: Served) -> None:
    served.node.pace = Rate(per_s=50, burst=10)
    ws = await served.open()
    limits = (await ws.receive_json())["data"]["limits"]
    assert (limits["commands_per_s"], limits["commands_burst"]) == (50, 10)
    began = time.monotonic()
    for n in range(30):
        await ws.send_json({"id": n, "type": "conversation:list", "data": {}})
    answers = [await ws.receive_json() for _ in range(30)]
    assert time.monotonic() - began >= 20 / 50
    assert sorted(answer["id"] for answer in answers) == list(range(30))
    assert {answer["type"] for answer in answers} == {"ack"}


async def test_unsupported_subprotocols_are_refused(served: Served) -> None:
    assert await close_code(await served.open(protocols=["else.v9"])) == 4506


async def test_connection_without_subprotocol_is_accepted(served: Served) -> None:
    assert (await (await served.open(protocols=[])).receive_json())["type"] == "hello"


async def test_binary_frame_closes_the_connection(served: Served) -> None:
    ws = await served.open()
    await ws.send_bytes(b"x")
    assert await close_code(ws) == 4510


async def test_frame_size_is_limited(served: Served) -> None:
    ws = await served.open()
    await ws.receive_json()
    await ws.send_str(json.dumps({"type": "x" * 100}).ljust(FRAME_BYTES))
    assert (await ws.receive_json())["error"]["code"] == "unknown_command"
    await ws.send_str("x" * (FRAME_BYTES + 1))
    assert await close_code(ws) == 1009


async def test_commands_are_answered_and_pushes_arrive(served: Served) -> None:
    ann, ben = await served.open("ann"), await served.open("ben")
    await ben.receive_json()
    here = (await ask(ann, "conversation:create", participants=["ben"]))["data"]["conversation_id"]
    assert (await ben.receive_json())["type"] == "conversation:updated"
    texts = ["short", "m" * 200, "l" * 20_000]
    for text in texts:
        assert (await ask(ann, "message:send", conversation_id=here, client_msg_id=text[:9], text=text))[
            "type"
        ] == "ack"
    assert [(await ben.receive_json())["data"]["text"] for _ in texts] == texts


async def test_slow_reader_is_closed_without_affecting_others(served: Served) -> None:
    ann = await Person(served.node, "ann").come()
    here = await room(ann, "ben")
    ben = await served.open("ben")
    ben._response.connection.transport.pause_reading()  # type: ignore[union-attr]
    big = "x" * 20_000
    for n in range(1_000):
        await send(ann, here, f"{n}{big}"[:20_000])
        if served.world.health.counted["slow_consumers"]:
            break
    await eventually(lambda: served.world.health.counted["slow_consumers"] == 1)
    await eventually(lambda: served.sockets.open == 0)
    await send(ann, here, "on")
    await eventually(lambda: ann.texts()[-1] == "on")


async def test_slow_reader_receives_its_close_code(served: Served) -> None:
    ben = await served.open("ben")
    await ben.receive_json()
    (connection,) = served.sockets._connections
    connection.client.subscriber.push(b"x" * 200_000)  # type: ignore[union-attr]
    assert await close_code(ben) == 4408


async def test_starting_node_is_alive_and_its_socket_names_failing_checks(starting: Served) -> None:
    starting.world.health.waits("log", "kafka is down")
    async with starting.session.get(f"{starting.url}/livez") as answer:
        assert answer.status == 200
    async with starting.session.get(f"{starting.url}/readyz") as answer:
        checks = (await answer.json(content_type=None))["checks"]
        assert (answer.status, checks["node"]) == (503, [{"status": "fail", "output": "starting"}])
    async with starting.session.get(f"{starting.url}/socket") as answer:
        found = await answer.json(content_type=None)
        assert (answer.status, answer.content_type) == (503, "application/problem+json")
        assert (answer.headers["Retry-After"], found["code"], found["retry"]) == ("1", "not_ready", True)
        assert "log" in found["detail"] and "kafka is down" not in found["detail"]
    starting.entrance.open(starting.sockets)
    assert (await (await starting.open()).receive_json())["type"] == "hello"
    assert starting.world.health.checks()["node"].status == "pass"


async def test_draining_node_serves_a_client_until_it_leaves(served: Served) -> None:
    served.sockets._settings = Settings(drain_ms=60_000)
    ws = await served.open()
    await ws.receive_json()
    draining = asyncio.create_task(served.sockets.drain())
    assert (await ws.receive_json())["data"]["reconnect_after_ms"] <= 2
    here = (await ask(ws, "conversation:create", participants=["ben"]))["data"]["conversation_id"]
    said = {"conversation_id": here, "client_msg_id": "k", "text": "still here"}
    assert (await ask(ws, "message:send", **said))["type"] == "ack"
    async with asyncio.timeout(5):
        while (frame := await ws.receive_json())["type"] != "message:new":
            pass
        assert frame["data"]["text"] == "still here"
        await ws.close()
        await draining
    assert served.sockets.open == 0


async def test_clients_of_a_draining_node_are_spread_over_time(served: Served) -> None:
    served.sockets._settings = Settings(drain_ms=60_000)
    lines = [await served.open(f"user{number}") for number in range(50)]
    for ws in lines:
        await ws.receive_json()
    draining = asyncio.create_task(served.sockets.drain())
    after = [(await ws.receive_json())["data"]["reconnect_after_ms"] for ws in lines]
    assert max(after) <= 50 * SPREAD_MS
    assert len(set(after)) > 10
    for ws in lines:
        await ws.close()
    async with asyncio.timeout(5):
        await draining


async def test_draining_node_sends_going_away_answers_and_closes(served: Served) -> None:
    ws = await served.open()
    await ws.receive_json()
    draining = asyncio.create_task(served.sockets.drain())
    frame = await ws.receive_json()
    assert frame["type"] == "going-away"
    assert frame["data"]["reconnect_after_ms"] > 0
    assert await close_code(ws) == 4101
    await draining
    async with served.session.get(f"{served.url}/readyz") as answer:
        assert (answer.status, (await answer.json(content_type=None))["status"]) == (503, "fail")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await served.open()
    assert refused.value.status == 503


async def test_draining_node_answers_commands_that_wait_for_others(served: Served) -> None:
    ws = await served.open()
    await ws.receive_json()
    here = (await ask(ws, "conversation:create", participants=["ben"]))["data"]["conversation_id"]
    said = {"conversation_id": here, "client_msg_id": "k", "text": "hi", "wait_for": "read"}
    await ws.send_json({"id": 2, "type": "message:send", "data": said})
    async with asyncio.timeout(5):
        while (await ws.receive_json())["type"] != "receipt":
            pass
    draining = asyncio.create_task(served.sockets.drain())
    async with asyncio.timeout(5):
        while "id" not in (frame := await ws.receive_json()):
            pass
    assert (frame["id"], frame["data"]["level"]) == (2, "persisted")
    assert await close_code(ws) == 4101
    await draining
    assert "drained_unanswered" not in served.world.health.counted


async def test_health_is_served_and_unknown_path_is_a_problem(served: Served) -> None:
    async with served.session.get(f"{served.url}/livez") as answer:
        assert (answer.status, answer.content_type) == (200, "application/health+json")
    async with served.session.get(f"{served.url}/readyz") as answer:
        assert answer.status == 200
    async with served.session.get(f"{served.url}/nothing") as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")
    async with served.session.get(f"{served.url}/socket") as answer:
        assert answer.status == 400


async def test_crash_in_one_connection_closes_only_it(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    ann, ben = await served.open("ann"), await served.open("ben")
    for ws in (ann, ben):
        await ws.receive_json()
    served.world.log.append = None  # type: ignore[assignment, method-assign]
    answer = await ask(ann, "conversation:create", participants=["ben"])
    assert answer["error"]["code"] == "internal"
    said = [record for record in caplog.records if record.message == "a command failed"]
    assert [getattr(record, "correlation_id", None) for record in said] == [answer["correlation_id"]]
    assert (await ask(ben, "conversation:list"))["type"] == "ack"


@pytest.mark.parametrize(("asked", "data"), [("conversation:list", {}), ("conversation:create", {"participants": []})])
async def test_command_to_an_ended_node_closes_with_going_away(
    served: Served, caplog: pytest.LogCaptureFixture, asked: str, data: dict[str, Any]
) -> None:
    ann = await served.open("ann")
    await ann.receive_json()
    await served.node.stop()
    await ann.send_json({"id": 1, "type": asked, "data": data})
    assert await close_code(ann) == 1001
    assert await close_code(await served.open("ann")) == 1001
    assert [record for record in caplog.records if record.exc_info] == []


def talk(port: int, request: bytes, then: bytes = b"") -> None:
    """Run one connection from its first byte to its last, by a client that creates no objects of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(request)
        line.recv(65_536)
        line.sendall(then)
        line.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while line.recv(65_536):
                pass


def handshake(token: str, version: int = 13) -> bytes:
    lines = (
        "GET /socket HTTP/1.1",
        "Host: node",
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"Sec-WebSocket-Version: {version}",
        f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}",
        f"Authorization: Bearer {token}",
    )
    return "\r\n".join((*lines, "", "")).encode()


ENDS: dict[str, Callable[[Served], None]] = {
    "a client that closes": lambda served: talk(served.port, handshake(served.token("ann")), MASKED_CLOSE),
    "a client that is cut off": lambda served: talk(served.port, handshake(served.token("ann"))),
    "a wrong token": lambda served: talk(served.port, handshake("wrong"), MASKED_CLOSE),
    "a malformed request": lambda served: talk(served.port, b"GET / HTTQ/9\r\n\r\n"),
    "no handshake": lambda served: talk(served.port, b"GET /socket HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
}


@pytest.mark.parametrize("end", ENDS)
async def test_ended_connection_leaves_no_garbage(served: Served, end: str) -> None:
    await asyncio.to_thread(ENDS[end], served)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            await asyncio.to_thread(ENDS[end], served)
        assert await eventually(lambda: served.sockets.open == 0)
        await asyncio.sleep(0.1)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = {f"{type(found).__module__}.{type(found).__qualname__}" for found in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not {name for name in left if name.startswith(("edge.", "aiohttp."))}


async def test_client_that_disconnects_before_its_turn_is_no_failure(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    turn = asyncio.Event()

    async def later(_: str) -> None:
        await turn.wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FairShare, "request", lambda _, whose: later(whose))
        await asyncio.to_thread(leave_at_once, served.port, handshake("wrong", version=9))
        await asyncio.sleep(0.1)
        turn.set()
        await asyncio.sleep(0.1)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def leave_at_once(port: int, request: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(request)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
