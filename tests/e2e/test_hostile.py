"""Whatever a client sends, it gets the documented error or close code, and the node keeps serving all others."""

import asyncio
import base64
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from edge.sdk.python.caas_client import Client
from edge.sdk.python.caas_client.language.commands.message import Attached
from schemas.bounds import COMMANDS_PER_S
from tests.e2e import deaf
from tests.e2e.deaf import Deaf
from tests.e2e.line import Line, opened
from tests.e2e.processes import status_of
from tests.e2e.up import Up, running

SLOW_MS = 500
GROWS_MB = 150
FLOOR_MS = 10
"""Below this an ack is fast enough during a flood, on any machine."""
MESSAGES = 150
DEEP = b"[" * 30_000 + b"]" * 30_000
ROOM = "6f1d1f8a-0000-5000-8000-000000000001"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    environment = {"CAAS_SLOW_CONSUMER_MS": str(SLOW_MS), "CAAS_DRAIN_MS": "200"}
    with running(tmp_path_factory.mktemp("hostile"), environment) as found:
        yield found


@pytest.fixture(scope="module")
def silent(up: Up) -> Iterator[socket.socket]:
    """An open socket that sends nothing; it is checked last, since the node waits ten seconds for it."""
    with Deaf.handshaken(up.socket_url) as found:
        yield found


@pytest.fixture(autouse=True)
def node_keeps_serving(up: Up, silent: socket.socket) -> Iterator[None]:
    yield
    assert up.process.running is not None
    assert up.process.running.poll() is None, up.process.tail()
    counted = up.counted()
    bugs = {name for name in counted if name.endswith("_internal")}
    assert {name for name in ("connection_failed", "task_failed", *bugs) if counted.get(name)} == set()
    assert "Traceback" not in up.process.log.read_text(errors="replace")


@asynccontextmanager
async def raw(up: Up, protocol: str = "caas.v1.json") -> AsyncIterator[Line]:
    """Open a line that has not logged in."""
    async with opened(up.socket_url, subprotocols=[Subprotocol(protocol)]) as found:
        yield found


def error_of(line: Line) -> dict[str, Any] | None:
    return next((frame for frame in line.said if frame["type"] == "error"), None)


# Credentials


def signed(up: Up, secret: str | None = None, **claims: Any) -> str:
    """Return a token like the gateway's, except for these claims; `exp` is seconds from now."""
    now = int(time.time())
    usual = {"sub": "ann", "tenant": "default", "aud": "caas", "iat": now, "exp": 60, "jti": "1", **claims}
    own = json.loads((up.data / "secrets.json").read_text())["token_secret"]
    return jwt.encode({**usual, "exp": now + usual["exp"]}, secret or own, "HS256")


def part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def forged(up: Up, head: bytes) -> str:
    """Return a token with this head, and the claims and the signature of a valid one."""
    _, claims, signature = signed(up).split(".")
    return f"{part(head)}.{claims}.{signature}"


def bad_tokens(up: Up) -> dict[str, tuple[str, str, int]]:
    """Return token, error code and close code of every kind of invalid token."""
    none = forged(up, b'{"alg":"none","typ":"JWT"}')
    wrong = {
        "rubbish": "rubbish",
        "empty": "",
        "of another secret": signed(up, "another secret of 32 bytes or more"),
        "of alg none": none,
        "of alg none, unsigned": none.rpartition(".")[0] + ".",
        "of a deep head": forged(up, b"[" * 30_000),
        "of a head that is no UTF-8": forged(up, b"\xff\xfe"),
        "of another audience": signed(up, aud="else"),
        "of no user that can be": signed(up, sub="a b"),
        "of no tenant": signed(up, tenant=""),
        "not ASCII": "n\u00f6.n\u00f6.n\u00f6",
    }
    return {name: (token, "unauthorized", 4501) for name, token in wrong.items()} | {
        "expired": (signed(up, exp=-100), "token_expired", 4401)
    }


async def test_invalid_token_is_answered_and_closed(up: Up) -> None:
    for name, (token, code, closes) in bad_tokens(up).items():
        async with raw(up) as line:
            await line.socket.send(json.dumps({"id": 9, "type": "auth", "data": {"token": token}}))
            assert await line.closed() == closes, name
            (error,) = line.said
            assert (error["id"], error["error"]["code"]) == (9, code), name


async def test_invalid_token_in_the_header_is_answered_and_closed(up: Up) -> None:
    for name, (token, code, closes) in bad_tokens(up).items():
        if not token.isascii() or len(token) > 4_000:
            continue  # such a header cannot be sent
        async with opened(up.socket_url, additional_headers={"Authorization": f"Bearer {token}"}) as line:
            assert (await line.closed(), [frame["error"]["code"] for frame in line.said]) == (closes, [code]), name


async def test_invalid_bytes_in_the_header_do_no_harm(up: Up) -> None:
    with Deaf.handshaken(up.socket_url, b"Authorization: Bearer \xff\xfe\r\n", check=False) as found:
        found.settimeout(10)
        answer = b""
        while more := found.recv(4096):
            answer += more
    assert b" 400 " in answer or b"unauthorized" in answer, answer[:300]


@pytest.mark.parametrize(
    "first",
    [
        b'{"id":1,"type":"conversation:list","data":{}}',
        b'{"id":1,"type":"auth"}',
        b'{"id":1,"type":"auth","data":{"token":null}}',
        b'{"id":1,"type":"auth","data":{"token":"\xff\xfe"}}',
        b'{"id":1,"type":"auth","data":"\xff"}',
        b'{"id":1,"type":"auth","data":{"x":' + DEEP + b',"token":"t"}}',
        b'{"id":1,"type":"auth","data":{"token":"\\ud800"}}',
        b"rubbish",
        b"\xff\xff",
        b"",
        DEEP,
    ],
    ids=lambda first: repr(first[:50]),
)
async def test_first_frame_other_than_auth_is_refused(up: Up, first: bytes) -> None:
    async with raw(up) as line:
        await line.socket.send(first, text=True)
        assert await line.closed() == 4501
        assert [frame["error"]["code"] for frame in line.said] == ["unauthorized"]


async def test_other_subprotocol_is_closed_permanently(up: Up) -> None:
    async with connect(
        up.socket_url, subprotocols=[Subprotocol("else.v9")], proxy=None, ping_interval=None, compression=None
    ) as other:
        await asyncio.wait_for(other.wait_closed(), 10)
        assert other.close_code == 4506


# Frames


@pytest.mark.parametrize(
    ("frame", "code", "pointer", "frame_id"),
    [
        (b'{"id":7,"type":"message:shout","data":{}}', "unknown_command", None, 7),
        (b'{"id":7,"type":"auth","data":{"token":"t"}}', "unauthorized", None, 7),
        (b'{"id":7,"type":"conversation:list","data":{}', "invalid_json", None, 7),
        (b"", "invalid_json", None, None),
        (b"[]", "invalid_json", None, None),
        (b'{"id":7,"data":{}}', "invalid_json", None, 7),
        (b'{"id":7,"type":"\xff"}', "invalid_json", None, 7),
        (b'{"id":7,"type":"search:messages","data":{"text":"\xff"}}', "invalid_json", None, 7),
        (DEEP, "invalid_json", None, None),
        (b'{"id":7,"type":"conversation:list","data":{"x":' + DEEP + b"}}", "invalid_json", None, 7),
        (b'{"type":"conversation:list","data":{"x":' + DEEP + b'},"id":7}', "invalid_json", None, 7),
        (b'{"id":7,"type":"conversation:list","data":{"\\ud800":1}}', "invalid_json", None, 7),
        (b'{"id":7,"type":"conversation:list","data":{"x":NaN}}', "invalid_json", None, 7),
        (b'{"id":true,"type":"conversation:list"}', "validation_failed", "/id", None),
        (b'{"id":7,"type":"conversation:get","data":{"conversation_id":"1"}}', "validation_failed", None, 7),
        (b'{"id":7,"type":"conversation:get","data":{}}', "validation_failed", "/data/conversation_id", 7),
        (b'{"id":7,"type":"conversation:get","data":[]}', "validation_failed", "/data", 7),
        (b'{"id":7,"type":"conversation:list","data":{"limit":1e400}}', "validation_failed", "/data/limit", 7),
        (b'{"id":7,"type":"conversation:list","data":{"limit":-1}}', "validation_failed", "/data/limit", 7),
        (b'{"id":7,"type":"sync","data":{"positions":{"1":{}}}}', "validation_failed", None, 7),
    ],
    ids=lambda value: repr(value[:45]) if isinstance(value, bytes) else None,
)
async def test_invalid_frame_is_answered_with_the_reason(
    up: Up, frame: bytes, code: str, pointer: str | None, frame_id: int | None
) -> None:
    async with opened(up.socket_url, up.token("ann")) as line:
        await line.socket.send(frame, text=True)
        error = await line.until(lambda: error_of(line))
        assert (error["error"]["code"], error["id"], error["error"]["retry"]) == (code, frame_id, False)
        assert pointer is None or error["error"]["errors"][0]["pointer"] == pointer
        assert error["correlation_id"]
        await line.done("conversation:list", {})


@pytest.mark.parametrize(("length", "fine"), [(0, False), (1, True), (20_000, True), (20_001, False)])
@pytest.mark.parametrize("character", ["\u00fc", "\U0001f44d", "\u4f60"], ids=ascii)
async def test_text_has_1_to_20_000_characters(up: Up, character: str, length: int, fine: bool) -> None:
    async with opened(up.socket_url, up.token("ann")) as line:
        room = await line.done("conversation:create", {"external_id": "texts"})
        key = f"{character} {length}"
        say = {"conversation_id": room["conversation_id"], "client_msg_id": key, "text": character * length}
        answer = await line.ask("message:send", say)
        if fine:
            assert answer["data"]["level"] == "accepted"
            pushed = await line.push("message:new", client_msg_id=key)
            assert pushed["data"]["text"] == character * length
        else:
            assert answer["error"]["code"] == "validation_failed"
            assert answer["error"]["errors"] == [{"pointer": "/data/text", "code": "bounds"}]


async def test_python_client_sends_the_longest_text_and_removes_a_caption(up: Up) -> None:
    async with Client(up.socket_url, up.token("cy")) as client:
        room = (await client.create(external_id="long")).conversation_id
        for text in ("\U0001f44d" * 20_000, "\x01" * 19_999 + "x"):
            assert (await client.send(room, text)).level == "accepted"
        file = Attached(media_id="b5f5c6a0-0000-4000-8000-00000000000a")
        said = await client.send(room, "see", attachments=[file], wait_for="persisted")
        await client.edit(conversation_id=room, message_id=said.message_id)
        shown = (await client.get_message(conversation_id=room, message_id=said.message_id)).message
        assert (shown.text, shown.edited, len(shown.attachments)) == (None, True, 1)


async def test_twenty_invalid_frames_in_a_row_close_the_line(up: Up) -> None:
    async with opened(up.socket_url, up.token("ann")) as line:
        for _ in range(19):
            await line.socket.send("rubbish")
        await line.done("conversation:list", {})
        for _ in range(20):
            await line.socket.send("rubbish")
        assert await line.closed() == 4509
        assert sum(frame["type"] == "error" for frame in line.said) == 39


async def test_binary_frame_closes_the_line(up: Up) -> None:
    for token in (None, up.token("ann")):
        async with opened(up.socket_url, token) as line:
            await line.socket.send(b'{"id":1,"type":"conversation:list"}')
            assert await line.closed() == 4510


async def test_only_frames_beyond_the_limit_close_the_line(up: Up) -> None:
    asks = json.dumps({"id": 1, "type": "conversation:list"})
    async with opened(up.socket_url, up.token("ann")) as line:
        limit = line.said[0]["data"]["limits"]["frame"]
        await line.socket.send(asks.ljust(limit))
        await line.until(lambda: line.said[1:])
        await line.socket.send(asks.ljust(limit + 1))
        assert await line.closed() == 1009
    async with opened(up.socket_url, up.token("ann")) as line:
        await line.socket.send(asks.ljust(limit + 1)[n : n + 1000] for n in range(0, limit + 1, 1000))
        assert await line.closed() == 1009


@pytest.mark.parametrize(
    "broken",
    [
        b"\x83\x80" + bytes(4),  # no such opcode
        b"\xc1\x80" + bytes(4),  # a reserved bit
        b"\x89\xfe\x00\x7e" + bytes(130),  # a ping that is too long
        b"\x80\x80" + bytes(4),  # a continuation without a beginning
        b"\x88\x81" + bytes(5),  # half a close code
        b"\x81\xff" + b"\xff" * 8 + bytes(4),  # a length of 2^64 bytes
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_invalid_websocket_frame_closes_the_connection(up: Up, broken: bytes) -> None:
    bearer = f"Authorization: Bearer {up.token('ann')}\r\n".encode()
    with Deaf.handshaken(up.socket_url, bearer) as found:
        found.settimeout(10)
        found.sendall(broken)
        while found.recv(4096):
            pass


# Floods


async def answered_within(line: Line, room: str, times: list[float], name: str) -> None:
    """Send one message, at four fifths of the node's rate limit of a connection, and add the time of its ack in ms."""
    await asyncio.sleep(1.25 / COMMANDS_PER_S)
    began = time.perf_counter()
    await line.done("message:send", {"conversation_id": room, "client_msg_id": name, "text": "still here"})
    times.append((time.perf_counter() - began) * 1000)


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


FLOODS: dict[str, dict[str, Any]] = {
    "sends": {"type": "message:send", "data": {"client_msg_id": "%d", "text": "x" * 2_000}},
    "queries": {"type": "conversation:get", "data": {}, "padding": "%d" + "x" * 2_000},
}


@asynccontextmanager
async def flooding(up: Up, user: str, frame: dict[str, Any]) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a process that floods the node with this frame."""
    pipe = asyncio.subprocess.PIPE
    program = [sys.executable, deaf.__file__, up.socket_url, up.token(user)]
    process = await asyncio.create_subprocess_exec(*program, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps({"id": 1, **frame}).encode() + b"\n")
        assert await process.stdout.readline() == b"floods\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def close_code_when_closed(up: Up, process: asyncio.subprocess.Process, closed: int) -> int:
    """Let the process read once the node has closed `closed` slow consumers; return its close code."""
    async with asyncio.timeout(30):
        while (await asyncio.to_thread(up.counted)).get("slow_consumers", 0) < closed:
            await asyncio.sleep(0.02)
        return int((await process.communicate(b"listen\n"))[0])


async def flooded(up: Up, kind: str, turn: int) -> bool:
    """Let mal flood while eve sends; return whether eve was answered nearly as fast as before."""
    before: list[float] = []
    during: list[float] = []
    counted, memory = up.counted(), resident_mb(up.pid)
    async with opened(up.socket_url, up.token("eve")) as eve:
        own = (await eve.done("conversation:create", {"external_id": "own"}))["conversation_id"]
        async with opened(up.socket_url, up.token("fay")) as fay:  # eve does not receive mal's messages
            there = {"external_id": f"{kind} {turn}", "participants": [*(f"{kind}-{n}" for n in range(150)), "mal"]}
            room = (await fay.done("conversation:create", there))["conversation_id"]
        for n in range(MESSAGES):
            await answered_within(eve, own, before, f"{kind} {turn} before {n}")
        frame = {**FLOODS[kind], "data": {**FLOODS[kind]["data"], "conversation_id": room}}
        async with flooding(up, "mal", frame) as mal:
            closing = asyncio.create_task(close_code_when_closed(up, mal, counted.get("slow_consumers", 0) + 1))
            while not closing.done() or len(during) < MESSAGES:
                await answered_within(eve, own, during, f"{kind} {turn} during {len(during)}")
            assert await closing == 4408
    taken = up.counted()["commands_received"] - counted.get("commands_received", 0) - 2 - len(before) - len(during)
    grown = resident_mb(up.pid) - memory
    counts = f"{kind}: {taken} of 10000 taken, {len(during)} other acks meanwhile, memory +{grown:.0f} MiB"
    print(f"{counts}; ack p99 {p99(before):.1f} ms before, {p99(during):.1f} ms during")
    assert taken < 10_000
    assert grown < GROWS_MB
    return p99(during) < max(2 * p99(before), FLOOR_MS)


@pytest.mark.alone
@pytest.mark.parametrize("kind", FLOODS)
async def test_client_that_floods_without_reading_is_closed_and_slows_nobody(up: Up, kind: str) -> None:
    """A busy machine is slow by itself, so one good attempt of three is enough."""
    for turn in range(3):
        if await flooded(up, kind, turn):
            return
    pytest.fail("eve waited, see above")


async def test_silent_socket_is_closed_in_time(up: Up, silent: socket.socket) -> None:
    silent.settimeout(15)
    said = b""
    while more := await asyncio.to_thread(silent.recv, 4096):
        said += more
    assert b'"unauthorized"' in said
    assert said.endswith((4501).to_bytes(2, "big") + b"bad_token")
    assert status_of(f"{up.url}/readyz") == 200
