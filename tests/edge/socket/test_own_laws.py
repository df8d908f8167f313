"""A user's own lane is pushed to each of their sessions in order, each number once, and is complete with their first
sync, whatever the bus loses, doubles or reorders, whoever comes and goes, and while stores are down.
"""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest

from core.identity import Identity
from core.ports.event_log import Unavailable
from edge.socket.channels.channel_state import LIVE
from edge.socket.node import Node
from edge.socket.session.client_session import ClientSession
from projections.inbox import actions, inbox_rows
from projections.inbox.inbox_rows import key_of_channel
from schemas.wire.frames import USER
from tests.edge.socket.distant import Distant
from tests.edge.socket.own import act, head, head_of, hid, muted, read
from tests.edge.socket.world import TENANT, World, world
from tests.eventually import eventually

ROOMS = [f"6f1d1f8a-0000-5000-8000-00000000000{n}" for n in range(1, 4)]
USERS = ("ann", "ben")


class Sitting:
    """One session, which begins at `start` by a sync, and its pushed and synced frames."""

    def __init__(self, node: Node, user: str) -> None:
        self.user = user
        self.start: int | None = None
        self.pushed: list[dict[str, Any]] = []
        self.answered: list[dict[str, Any]] = []
        self._node = node
        self._client: ClientSession | None = None

    async def come(self) -> "Sitting":
        identity = Identity(TENANT, self.user, 4e9)
        self._client = await self._node.connect(identity, self._answered, push=self._pushed)
        return self

    def _pushed(self, frame: bytes) -> None:
        self.pushed.append(json.loads(frame))

    def _answered(self, frame: bytes) -> None:
        self.answered.append(json.loads(frame))

    async def sync(self, start: int) -> None:
        """Sync until the answer is complete; retry while the store is down."""
        at = start
        while True:
            said = await self._ask(at)
            if said["type"] == "synced":
                assert said["data"]["reset"] == []
                at = said["data"]["user"]
                if said["data"]["complete"]:
                    break
        self.start = start

    async def _ask(self, user: int) -> dict[str, Any]:
        assert self._client is not None
        seen = len(self.answered)
        asked = {"id": seen, "type": "sync", "data": {"positions": {}, "user": user}}
        await self._node.receive(self._client, json.dumps(asked))
        return await eventually(lambda: next((one for one in self.answered[seen:] if one.get("id") == seen), False))

    def go(self) -> None:
        assert self._client is not None
        self._node.disconnect(self._client)

    def by_number(self) -> dict[int, dict[str, Any]]:
        """Return what it received by number, the newest of each."""
        frames = [*self.answered, *self.pushed]
        return {frame["n"]: frame["data"] for frame in frames if frame["type"] == "inbox:changed"}

    def in_order(self) -> bool:
        pushed = [frame["n"] for frame in self.pushed if frame["type"] == "inbox:changed"]
        return pushed == sorted(set(pushed))

    def whole(self, found: World) -> bool:
        """Return whether it has every number after the start except those of moved rows, and the final state of each
        row.
        """
        known, key = self.by_number(), inbox_rows.key_of(TENANT, self.user)
        rows = [row for row in found.documents._rows[("inbox", "inbox", 1)].values() if row["owner"] == key]
        done = [row for row in found.documents._rows[("inbox", "acts", 1)].values() if row["owner"] == key]
        assert self.start is not None
        due = {row["inbox"]["n"]: (row["conversation_id"], None) for row in rows}
        due |= {row["act"]["n"]: (row["conversation_id"], actions.hides(row)) for row in done if actions.hides(row)}
        for n, (room, hidden) in due.items():
            if n > self.start:
                assert n in known, (self.user, self.start, n, sorted(known))
                assert (known[n]["conversation_id"], known[n]["hidden"]) == (room, hidden)
        for row in rows:
            if row["inbox"]["n"] > self.start:
                last = known[row["inbox"]["n"]]
                assert (last["read"], last["muted"]) == (row["inbox"]["read"], row["inbox"]["muted"])
        return True


@pytest.mark.parametrize("seed", range(8))
async def test_user_lane_is_delivered_in_order_once_and_completely(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with world(tmp_path) as (found, _):
        documents = Distant(found.documents)
        node = found.node("two", documents=documents)
        await node.start()
        node._reads._syncing._rows = 5
        try:
            gone, here = await busy(chance, found, node, documents)
            documents.cut = documents.cut_for_own = found.bus.lose = found.bus.hold = False
            await numbered(found)
            await eventually(lambda: all(one.start is not None for one in here))
            await settled(found, node)
            for one in [*gone, *here]:
                assert one.in_order(), (one.user, one.pushed)
            for one in here:
                await eventually(lambda one=one: one.whole(found))
        finally:
            await node.stop()


async def busy(
    chance: random.Random, found: World, node: Node, documents: Distant
) -> tuple[list[Sitting], list[Sitting]]:
    """Run random actions. Return the disconnected and the connected sessions."""
    gone: list[Sitting] = []
    here: list[Sitting] = []
    async with asyncio.TaskGroup() as syncs:
        for n in range(120):
            found.bus.lose, found.bus.double = chance.random() < 0.25, chance.random() < 0.25
            found.bus.hold = chance.random() < 0.25
            if chance.random() < 0.1:
                documents.cut, documents.cut_for_own = chance.random() < 0.5, chance.random() < 0.5
            if chance.random() < 0.15:
                user = chance.choice(USERS)
                start = chance.randint(0, head(found, user))
                one = await Sitting(node, user).come()
                here.append(one)
                syncs.create_task(one.sync(start))
            elif here and chance.random() < 0.1:
                ready = [one for one in here if one.start is not None]
                for one in ready[:1]:
                    one.go()
                    here.remove(one)
                    gone.append(one)
            else:
                await something(chance, found, n)
            if chance.random() < 0.3:
                await asyncio.sleep(0.003)
        documents.cut = False
    return gone, here


async def something(chance: random.Random, found: World, n: int) -> None:
    user, room, again = chance.choice(USERS), chance.choice(ROOMS), chance.randint(0, n)
    match chance.choice(["read", "read", "mute", "hide"]):
        case "read":
            await act(found, read(chance.randint(1, n + 1), room, user), f"r{n}")
        case "mute":
            await act(found, muted(room, user, on=again % 2 == 0), f"m{again}")  # perhaps a repeat
        case _:
            await act(found, hid(f"m{again}", room, user), f"h{room}{again}")


async def numbered(found: World) -> None:
    """Wait until the read model has passed the log."""

    async def passed() -> bool:
        checkpoints = await found.documents.checkpoints(inbox_rows.MODEL, 1)
        for at, records in found.log.storage.records.items():
            if at.topic == "user.action" and records and checkpoints.get(at, -1) <= records[-1].position:
                return False
        return True

    await eventually(passed)


async def settled(found: World, node: Node) -> None:
    """Wait until the node has delivered all numbers."""

    async def done() -> bool:
        try:
            await node.look()
        except Unavailable:
            return False
        users = node.hub.users._channels.values()
        return all(one.state is LIVE and one.last[USER] == head_of(found, key_of_channel(one.id)) for one in users)

    await eventually(done, within=20)
