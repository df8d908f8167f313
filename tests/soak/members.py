"""Attacks of clients with tokens: commands that are more expensive than they look. Each uses a separate user."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterable
from functools import partial

from tests.e2e.line import Line
from tests.e2e.line import opened as talking
from tests.soak.raw import Front, command, frame, opened
from tests.soak.strangers import Attack

HIDDEN = 3_000
MEMBERS = 2_000
MAX_CONCURRENT_COMMANDS = 30
SEARCHERS = 10
WORDS = ("the", "and", "common words", "of the and to in", "a b c d e f g h i j k l m n o p")
COMMON = "the common words of a text and more of them in it to find"
DEEP = b'{"id":1,"type":"message:send","data":{"metadata":' + b'{"a":' * 1_500 + b"1" + b"}" * 1_500 + b"}}"
BAD = (
    DEEP,
    b"[" * 60_000 + b"]" * 60_000,
    b'{"id":1,"type":"message:send","data":{"text":"x","metadata":{"a":' + b"9" * 4_050 + b"}}}",
    b'{"id":1,"type":"message:send","data":{"text":"x","metadata":{"\\ud800":1}}}',
    b'{"id":1,"type":"sync","data":{"positions":{"1":{}}}}',
    b"rubbish",
)
USES = (
    "sends", "gets", "histories", "syncs", "toggles", "names", "large", "bad", "presence", "creates", "lists", "long",
)  # fmt: skip


async def prepare(front: Front) -> None:
    """Create a large group, one of many messages that are all hidden, and one to flood; store their ids in `things`."""
    number = front.number
    async with talking(front.url, front.tokens["histories"], local_addr=(front.address, 0)) as line:
        room = await line.done("conversation:create", {"external_id": f"hidden-{number}"})
        front.things["hidden"] = room["conversation_id"]
        says = ({**_in(room), "client_msg_id": f"h{n}", "text": COMMON} for n in range(HIDDEN))
        ids = [answer["message_id"] for answer in await _many(line, "message:send", says)]
        await _many(line, "message:hide", ({**_in(room), "message_id": one} for one in ids))
    async with talking(front.url, front.tokens["gets"], local_addr=(front.address, 0)) as line:
        large = await line.done("conversation:create", {"external_id": f"large-{number}"})
        front.things["large"] = large["conversation_id"]
        for first in range(0, MEMBERS, 500):
            users = [f"guest-{number}-{n}" for n in range(first, first + 500)]
            await line.done("conversation:add-participants", {**_in(large), "participants": users})
    everyone = [*(f"mal-{number}-{use}" for use in USES), *(f"mal-{number}-search-{n}" for n in range(SEARCHERS))]
    async with talking(front.url, front.tokens["sends"], local_addr=(front.address, 0)) as line:
        flood = await line.done("conversation:create", {"external_id": f"flood-{number}", "participants": everyone})
        front.things["flood"] = flood["conversation_id"]
        said = await line.done("message:send", {**_in(flood), "client_msg_id": "first", "text": COMMON})
        front.things["message"] = said["message_id"]


def _in(room: dict[str, str]) -> dict[str, str]:
    return {"conversation_id": room["conversation_id"]}


async def _many(line: Line, kind: str, datas: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Send all these commands, some at once, and repeat rejected ones; return the answers."""
    gate = asyncio.Semaphore(MAX_CONCURRENT_COMMANDS)

    async def one(data: dict[str, str]) -> dict[str, str]:
        async with gate:
            while True:
                answer = await asyncio.wait_for(await line.begin(kind, data), 60)
                if answer["type"] == "ack":
                    return answer["data"]
                assert answer["error"]["retry"], answer
                await asyncio.sleep((answer["error"]["retry_after_ms"] or 100) / 1000)

    return await asyncio.gather(*(one(data) for data in datas))


def flood(use: str, frames: Callable[[Front, int], Iterable[bytes]], at_once: int = 20) -> Attack:
    """Return an attack that sends these frames as this user without end, as fast as the node reads."""

    async def attack(front: Front) -> None:
        async with opened(front, use) as raw:
            for n in itertools.count():
                await raw.send(*(one for m in range(at_once) for one in frames(front, n * at_once + m)))

    attack.__name__ = use
    return attack


def _send(front: Front, n: int, text: str = COMMON) -> Iterable[bytes]:
    key = f"{asyncio.get_running_loop().time()} {n}"
    yield command("message:send", {"conversation_id": front.things["flood"], "client_msg_id": key, "text": text})


def _get(front: Front, n: int) -> Iterable[bytes]:
    yield command("conversation:get", {"conversation_id": front.things["large"]}, n)


def _history(front: Front, n: int) -> Iterable[bytes]:
    yield command("message:history", {"conversation_id": front.things["hidden"], "limit": 1}, n)


def _toggle(front: Front, n: int) -> Iterable[bytes]:
    on = {"conversation_id": front.things["flood"], "message_id": front.things["message"], "emoji": "\U0001f44d"}
    key = f"{asyncio.get_running_loop().time()} {n}"
    yield command("reaction:add", {**on, "client_key": f"a {key}"}, n)
    yield command("reaction:remove", {**on, "client_key": f"r {key}"}, n)


def _large(front: Front, n: int) -> Iterable[bytes]:
    here = {"conversation_id": front.things["flood"], "text": "x"}
    key = f"{asyncio.get_running_loop().time()} {n}"
    many = {f"key{m:03}": m for m in range(250)}
    yield command("message:send", {**here, "client_msg_id": key, "metadata": many}, n)
    yield command("message:send", {**here, "client_msg_id": f"{key} more", "metadata": {"a": "x" * 100_000}}, n)


def _bad(front: Front, n: int) -> Iterable[bytes]:
    yield frame(BAD[n % len(BAD)])
    if n % 15 == 14:
        yield command("conversation:list", {"limit": 1}, n)


def _presence(front: Front, n: int) -> Iterable[bytes]:
    here = {"conversation_id": front.things["flood"]}
    yield command("typing:start", here, n)
    yield command("presence:subscribe", {"user_ids": [f"guest-{front.number}-{m}" for m in range(100)]}, n)


def _create(front: Front, n: int) -> Iterable[bytes]:
    key = f"{asyncio.get_running_loop().time()} {n}"
    yield command("conversation:create", {"external_id": key, "participants": [f"guest-{front.number}-{n % 999}"]}, n)


def _list(front: Front, n: int) -> Iterable[bytes]:
    yield command("conversation:list", {"limit": 200}, n)
    here = {"conversation_id": front.things["flood"], "message_id": front.things["message"]}
    yield command("message:thread", {**here, "limit": 200}, n)


async def paced(front: Front, use: str, text: str, every_s: float) -> None:
    """Send long, expensive texts at a pace that does not fill the disk."""
    async with opened(front, use) as raw:
        for n in itertools.count():
            await raw.send(*_send(front, n, text))
            await asyncio.sleep(every_s)


async def syncs(front: Front) -> None:
    """Send `sync {}` sixty times on a line that reads nothing, until it is closed."""
    async with opened(front, "syncs", reads=False) as raw:
        await raw.send(*(command("sync", {}, n) for n in range(60)))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                while True:
                    await raw.send(frame(b"", 9))
                    await asyncio.sleep(1)


async def searches(front: Front, number: int) -> None:
    """Search for common words."""
    async with opened(front, f"search-{number}") as raw:
        for n in itertools.count():
            await raw.send(command("search:messages", {"text": WORDS[n % len(WORDS)], "limit": 50}, n))
            await asyncio.sleep(0.2)


async def too_long(front: Front) -> None:
    """Send a frame beyond the limit."""
    async with opened(front, "long") as raw:
        await raw.send(frame(b" " * 500_000))
        await raw.read_end()


ATTACKS: tuple[Attack, ...] = (
    flood("sends", _send),
    flood("gets", _get),
    flood("histories", _history),
    flood("toggles", _toggle),
    flood("large", _large),
    flood("bad", _bad, at_once=1),
    flood("presence", _presence),
    flood("creates", _create),
    flood("lists", _list),
    partial(paced, use="names", text="@" * 20_000, every_s=0.25),
    partial(paced, use="names", text="@a" * 10_000, every_s=0.25),
    syncs,
    too_long,
    *(partial(searches, number=n) for n in range(SEARCHERS)),
)
