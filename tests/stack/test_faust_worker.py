"""Workers on Faust share their partitions, lose and gain them, and every record is numbered exactly once."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import MongoClient

from edge.composition.compose import Adapters
from schemas.envelope import Record
from tests.e2e.processes import Process
from tests.eventually import eventually
from tests.stack.live import LONG_S, Live, append, health_of, new_room, rows_of, saved
from tests.streams.world import edited, said

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

ROOMS = 24
BATCH_SIZE = 2
PAUSE_S = 0.1


class Talk:
    """Rooms with continuous messages, until `over`."""

    def __init__(self, found: Adapters) -> None:
        self._found = found
        self.rooms = {new_room(): 0 for _ in range(ROOMS)}
        self.over = False

    async def run(self) -> None:
        while not self.over:
            await append(self._found, [record for room in self.rooms for record in self._next(room)])
            await asyncio.sleep(PAUSE_S)

    def _next(self, room: str) -> list[Record]:
        n = self.rooms[room]
        self.rooms[room] += BATCH_SIZE
        return [*(said(room, at) for at in range(n, n + BATCH_SIZE)), edited(room, n, "better")]

    @property
    def records(self) -> int:
        return sum(said + said // BATCH_SIZE for said in self.rooms.values())

    async def is_numbered(self) -> None:
        """Check that every message has the number of its place."""
        for room, count in self.rooms.items():
            rows = await rows_of(self._found, room)
            assert [(row["sent"]["n"], row["sent"]["text"]) for row in rows] == [
                (n + 1, f"text {n}") for n in range(count)
            ]


def worked(worker: Process) -> int:
    """Return how many records this worker applied."""
    count: int = health_of(worker)["counted"].get("messages_records", 0)
    return count


def equals_a_replay(live: Live) -> None:
    """Check with `caas verify`, which folds the log again and compares every row."""
    assert json.loads(live.system.run("verify", "messages", "--json", seconds=LONG_S)) == {"messages": []}


async def test_two_workers_number_everything_once_through_rebalances(live: Live) -> None:
    async with live.adapters() as found:
        talk = Talk(found)
        first = await asyncio.to_thread(live.worker)
        talking = asyncio.create_task(talk.run())
        try:
            await eventually(lambda: worked(first) > 200, within=LONG_S)
            second = await asyncio.to_thread(live.worker)
            await eventually(lambda: worked(second) > 200, within=LONG_S)
            alone = worked(first)
            await eventually(lambda: worked(first) > alone + 200, within=LONG_S)
            assert await asyncio.to_thread(first.stop) == 0
            took = worked(second)
            await eventually(lambda: worked(second) > took + 400, within=LONG_S)
        finally:
            talk.over = True
            await talking
        await saved(found)
        warnings = ("was not delivered", "reading again")
        again = [line for line in second.tail(10_000).splitlines() if any(words in line for words in warnings)]
        print({"records": talk.records, "second": worked(second), "read again": len(again)}, again[:3])
        await talk.is_numbered()
    await asyncio.to_thread(equals_a_replay, live)
    assert second.stop() == 0


class Backup:
    """A backup of the live generation in MongoDB, taken and restored."""

    def __init__(self, url: str) -> None:
        client: MongoClient[dict[str, Any]] = MongoClient(url)
        self._client, self._database = client, client.get_default_database()
        pointer = self._database["pointers"].find_one({"_id": "pointer messages"})
        live = 1 if pointer is None else pointer["document"]["live"]
        self._checkpoint = f"messages/{live}"
        self._tables = [f"messages.{table}.g{live}" for table in ("messages", "heads")]
        self._kept: dict[str, list[dict[str, Any]]] = {}

    def take(self) -> None:
        self._kept = {name: list(self._database[name].find()) for name in self._tables}
        self._kept["checkpoints"] = list(self._database["checkpoints"].find({"_id": self._checkpoint}))

    def restore(self) -> None:
        for name in self._tables:
            self._database[name].delete_many({})
        self._database["checkpoints"].delete_one({"_id": self._checkpoint})
        for name, documents in self._kept.items():
            if documents:
                self._database[name].insert_many(documents)

    def close(self) -> None:
        self._client.close()


@contextmanager
def backup_of(live: Live) -> Iterator[Backup]:
    backup = Backup(live.system.environment["CAAS_MONGO_URL"])
    try:
        yield backup
    finally:
        backup.close()


@pytest.mark.parametrize(
    ("taken", "slot"),
    [
        pytest.param(False, (), id="nothing is left, its group is empty"),
        pytest.param(True, ("--slot", "1"), id="an older backup, its place in the group is kept"),
    ],
)
async def test_store_behind_its_group_catches_up_without_a_new_record(
    live: Live, slot: tuple[str, ...], taken: bool
) -> None:
    rooms = [new_room() for _ in range(6)]
    async with live.adapters() as found:
        worker = await asyncio.to_thread(live.worker, *slot)
        with backup_of(live) as backup:
            await append(found, [said(room, n) for room in rooms for n in range(20)])
            await saved(found)
            if taken:
                backup.take()
            await append(found, [said(room, n) for room in rooms for n in range(20, 40)])
            await saved(found)
            assert await asyncio.to_thread(worker.stop) == 0
            backup.restore()
        again = await asyncio.to_thread(live.worker, *slot)
        await saved(found)
        for room in rooms:
            assert [row["sent"]["n"] for row in await rows_of(found, room)] == list(range(1, 41))
        await asyncio.to_thread(equals_a_replay, live)
        await append(found, [said(room, 40) for room in rooms])
        await saved(found)
        assert [len(await rows_of(found, room)) for room in rooms] == [41] * len(rooms)
    assert await asyncio.to_thread(again.stop) == 0
