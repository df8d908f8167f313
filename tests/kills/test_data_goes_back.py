"""Servers that go back in time or lose data: the system recovers, or is refused with the reason."""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from pymongo import MongoClient

from deploy.local.stack import Stack
from edge.auth.tokens import Tokens
from edge.sdk.python.caas_client import Client, MessageNew
from tests.e2e.processes import CAAS, System, within
from tests.kills.conftest import system_on

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.timeout(300)]

EVERY_S = 0.025
"""40 messages a second."""


@pytest.fixture(scope="module")
def durable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, System]]:
    """The system on a MongoDB server that is durable, except for the last second before it is killed."""
    with system_on(tmp_path_factory.mktemp("durable"), mongo_backend="h2", heartbeat_ms=2000) as found:
        yield found


class Talk:
    """A user writes to a reader on another node."""

    def __init__(self, system: System) -> None:
        self._tenant = f"t{secrets.token_hex(4)}"
        self._tokens = Tokens(system.environment["CAAS_TOKEN_SECRET"], 900)
        self._urls = system.environment["CAAS_SOCKET_URLS"].split(",")
        self.accepted: list[str] = []
        self.heard: list[tuple[int, str]] = []
        self.room = ""
        self._over = asyncio.Event()

    def client(self, user: str, node: int) -> Client:
        return Client([self._urls[node]], self._tokens.issue(self._tenant, user)[0])

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Send during the block, and wait until everything accepted has been received."""
        async with self.client("ann", 0) as ann, self.client("bob", 1) as bob:
            self.room = (await ann.create(participants=["bob"], kind="direct")).conversation_id
            listening = asyncio.create_task(self._listen(bob), name="bob listens")
            talking = asyncio.create_task(self._talk(ann), name="ann talks")
            try:
                yield
                self._over.set()
                await talking
                await self._all_heard(listening)
            finally:
                talking.cancel()
                listening.cancel()
                await asyncio.wait([talking, listening])

    async def _all_heard(self, listening: asyncio.Task[None]) -> None:
        ends = time.monotonic() + 60
        while missing := set(self.accepted) - {message_id for _, message_id in self.heard}:
            if listening.done():
                listening.result()
            numbers = [n for n, message_id in enumerate(self.accepted, start=1) if message_id in missing]
            assert time.monotonic() < ends, f"of {len(self.accepted)} messages of {self.room} not heard: {numbers}"
            await asyncio.sleep(0.1)

    async def _talk(self, ann: Client) -> None:
        answers = []
        while not self._over.is_set():
            answers.append(ann.send(self.room, f"{len(answers) + 1}"))
            await asyncio.sleep(EVERY_S)
        for answer in answers:
            self.accepted.append((await answer).message_id)

    async def _listen(self, bob: Client) -> None:
        async for event in bob.events():
            if isinstance(event, MessageNew):
                self.heard.append((event.message.seq, event.message.message_id))


def caas(system: System, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **system.environment}
    command = [str(CAAS), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)


def all_start(system: System) -> None:
    for process in system.processes.values():
        process.start()
    for process in system.processes.values():
        process.wait_ready(90)


def dropped(mongo: MongoClient[dict[str, Any]], prefix: str) -> None:
    """Drop the newest generation of a collection, without the system's knowledge."""
    database = mongo.get_default_database()
    names = [name for name in database.list_collection_names() if name.startswith(prefix)]
    database.drop_collection(max(names, key=lambda name: int(name.rpartition(".g")[2])))


async def in_thread(call: Any, *arguments: Any) -> Any:
    return await asyncio.to_thread(call, *arguments)


class Snapshot:
    """A copy of MongoDB's file; `restore` kills the server and starts it with that file."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        stack.stop("mongo")
        [self._file] = stack.directory.rglob("mongo.mv")
        self._kept = stack.directory / "mongo.kept"
        shutil.copy(self._file, self._kept)
        stack.start("mongo")

    def restore(self) -> None:
        self._stack.kill("mongo")
        shutil.copy(self._kept, self._file)
        self._stack.start("mongo")


async def test_store_restored_under_running_workers_loses_nothing(durable: tuple[Stack, System]) -> None:
    stack, system = durable
    talk = Talk(system)
    async with talk.going_on():
        await asyncio.sleep(1.5)
        snapshot = await in_thread(Snapshot, stack)
        for _ in range(2):
            await asyncio.sleep(2.5)
            await in_thread(snapshot.restore)
        await asyncio.sleep(1.0)
    assert talk.heard == list(enumerate(talk.accepted, start=1)), "each once, in order, under its own number"
    verified = await in_thread(caas, system, "verify")
    assert verified.returncode == 0, verified.stdout
    print(json.dumps({"accepted": len(talk.accepted), "heard": len(talk.heard)}))


@pytest.mark.parametrize("workers", ["idle", "stopped"])
async def test_store_restored_while_idle_catches_up(durable: tuple[Stack, System], workers: str) -> None:
    stack, system = durable
    snapshot = await in_thread(Snapshot, stack)
    talk = Talk(system)
    async with talk.going_on():
        await asyncio.sleep(1.0)
    if workers == "stopped":
        await in_thread(system.stop)
    await in_thread(snapshot.restore)
    if workers == "stopped":
        await in_thread(all_start, system)
    verified = await in_thread(caas, system, "verify")
    assert verified.returncode == 0, verified.stdout
    async with talk.client("bob", 1) as bob:
        page = await bob.history(conversation_id=talk.room, limit=100)
    assert [message.message_id for message in page.messages][-len(talk.accepted) :] == talk.accepted[-100:]


async def test_store_killed_three_times_loses_nothing(durable: tuple[Stack, System]) -> None:
    stack, system = durable
    talk = Talk(system)
    async with talk.going_on():
        for _ in range(3):
            await asyncio.sleep(2.5)
            await in_thread(stack.kill, "mongo")
            await in_thread(stack.start, "mongo")
        await asyncio.sleep(1.0)
    assert talk.heard == list(enumerate(talk.accepted, start=1)), "each once, in order, under its own number"
    verified = await in_thread(caas, system, "verify")
    assert verified.returncode == 0, verified.stdout


@pytest.mark.parametrize("collection", ["messages.heads.g1", "messages.messages.g1", "conversations.participants.g1"])
async def test_dropped_collection_is_reported_and_rebuilt_by_one_command(
    durable: tuple[Stack, System], collection: str
) -> None:
    _, system = durable
    model, table, _ = collection.split(".")
    talk = Talk(system)
    async with talk.going_on():
        await asyncio.sleep(1.0)
    with MongoClient[dict[str, Any]](system.environment["CAAS_MONGO_URL"]) as mongo:
        dropped(mongo, f"{model}.{table}.")
    workers = [process for one, process in system.processes.items() if one.startswith(model)]
    for worker in workers:
        within(20, f"{worker.name} is red", lambda worker=worker: "are gone" in worker.waiting())
    refused = await in_thread(caas, system, "verify", model)
    assert refused.returncode != 0
    assert f"caas rebuild {model} --replace" in refused.stdout + refused.stderr
    rebuilt = await in_thread(caas, system, "rebuild", model, "--replace", "it was dropped", "--json")
    assert rebuilt.returncode == 0, rebuilt
    for worker in workers:
        await in_thread(worker.wait_ready, 30)
    again = Talk(system)
    async with again.going_on():
        await asyncio.sleep(1.0)
    assert again.heard == list(enumerate(again.accepted, start=1))
    assert (await in_thread(caas, system, "verify", model)).returncode == 0


async def test_recreated_topics_are_refused_and_can_be_adopted(durable: tuple[Stack, System]) -> None:
    _, system = durable
    talk = Talk(system)
    async with talk.going_on():
        await asyncio.sleep(1.0)
    await in_thread(system.stop)
    admin = AIOKafkaAdminClient(bootstrap_servers=system.environment["CAAS_KAFKA_BOOTSTRAP"])
    await admin.start()
    await admin.delete_topics(["message.sent"])
    await admin.close()

    def recreated() -> bool:
        return "message.sent" in caas(system, "topics", "--json").stdout

    await in_thread(within, 30, "the topic is created again", recreated)
    for words in (("worker", "messages"), ("serve", "socket", "--port", "0"), ("verify",), ("rebuild", "messages")):
        refused = await in_thread(caas, system, *words)
        assert refused.returncode == 1, refused
        assert "caas log adopt" in refused.stderr and "Traceback" not in refused.stderr, refused.stderr
    named = await in_thread(caas, system, "log", "adopt", "--json")
    assert named.returncode == 3, named
    lost = {one["conversation_id"]: one["messages"] for one in json.loads(named.stdout)["survey"]["lost"]}
    assert lost[talk.room] == len(talk.accepted)
    adopted = await in_thread(caas, system, "log", "adopt", "--yes")
    assert adopted.returncode == 0, adopted
    await in_thread(all_start, system)
    again = Talk(system)
    async with again.going_on():
        await asyncio.sleep(1.0)
    assert again.heard == list(enumerate(again.accepted, start=1))
    assert (await in_thread(caas, system, "verify")).returncode == 0
