"""Our own client keeps every rule of a client, with lost, doubled and swapped pushes and broken lines."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from functools import partial
from uuid import uuid4

import pytest

from edge.sdk.python.caas_client import Application, MessageNew
from edge.tools.conformance.client_checks import RULES
from edge.tools.conformance.clients import Watch, watching
from tests.e2e.line import Line, opened
from tests.e2e.up import Up, running
from tests.eventually import eventually

MESSAGES = 80


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("watched")) as found:
        yield found


async def test_python_client_keeps_every_rule(up: Up) -> None:
    tested: Counter[str] = Counter()
    for seed in (1, 2, 3):
        watch = await watched(up, seed)
        results = {result.name: result for result in watch.results()}
        assert {name: result.why for name, result in results.items() if not result.holds} == {}
        assert watch.client.lines > 1
        tested.update({name: result.tested for name, result in results.items()})
    assert {name for name in RULES if tested[name] == 0} <= {"patience", "holes", "leaving"}


async def watched(up: Up, seed: int) -> Watch:
    """Let two users send, one of them through the faulty proxy; return the watch once all is received and answered."""
    async with (
        watching(up.url, up.socket_url, port=0, seed=seed) as watch,
        Application(watch.url, *up.app) as application,
        await application.client(f"bot-{seed}", positions={}) as bot,
        opened(up.socket_url, up.token(f"ann-{seed}")) as ann,
    ):
        room = (await ann.done("conversation:create", {"participants": [f"bot-{seed}"]}))["conversation_id"]
        received, sent = asyncio.create_task(receive(bot, 2 * MESSAGES)), []
        for n in range(MESSAGES):
            sent.append(bot.send(room, f"bot {n}", client_msg_id=f"{n}"))
            said = await ann.done("message:send", {"conversation_id": room, "client_msg_id": f"{n}", "text": f"{n}"})
            if n % 5 == 0:
                await ann.done("message:edit", {"conversation_id": room, **said_as(said), "text": f"{n}!"})
        async with asyncio.timeout(60):
            for n in itertools.count():  # a lost last push is detected at the next one
                if (await asyncio.wait([received], timeout=1.0))[0]:
                    break
                await ann.done(
                    "message:send", {"conversation_id": room, "client_msg_id": f"after {n}", "text": "after"}
                )
        await eventually(partial(line_followed, watch, ann, room), within=60)
        seqs = received.result()
        await asyncio.wait_for(asyncio.gather(*sent), 60)
        assert seqs == list(range(1, 2 * MESSAGES + 1))
        return watch


async def line_followed(watch: Watch, ann: Line, room: str) -> bool:
    """Return whether the client has had another line by now; each message here uses up the lifetime of its line."""
    await ann.done("message:send", {"conversation_id": room, "client_msg_id": str(uuid4()), "text": "still here"})
    return watch.client.lines > 1


def said_as(answer: dict[str, str]) -> dict[str, str]:
    return {"message_id": answer["message_id"]}


async def receive(bot: object, count: int) -> list[int]:
    seqs: list[int] = []
    async for event in bot.events():  # type: ignore[attr-defined]
        if isinstance(event, MessageNew):
            seqs.append(event.message.seq)
            if len(seqs) == count:
                break
    return seqs
