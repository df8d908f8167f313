"""Each lane is delivered in order, each number once, whatever the bus loses or doubles and whoever comes and goes."""

import asyncio
import random
from pathlib import Path

import pytest

from schemas import ids
from tests.edge.socket.world import TENANT, Person, World, room, send, world
from tests.eventually import eventually


@pytest.mark.parametrize("seed", range(6))
async def test_lanes_are_delivered_in_order_once_and_completely(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with world(tmp_path) as (found, node):
        ann = await Person(node, "ann").come()
        others = [await Person(node, user).come() for user in ("ben", "cat", "dan")]
        here = await room(ann, "ben")
        for n in range(60):
            found.bus.lose, found.bus.double = chance.random() < 0.3, chance.random() < 0.3
            await one_step(chance, ann, here, n)
            if chance.random() < 0.3:
                await asyncio.sleep(0.003)
        found.bus.lose = False
        await caught_up(found, here)
        await node.look()
        for person in (ann, *others):
            await eventually(lambda person=person: in_order(found, person, here))


async def one_step(chance: random.Random, ann: Person, here: str, n: int) -> None:
    user = chance.choice(["ben", "cat", "dan"])
    step = chance.choice(["send", "send", "send", "react", "add", "remove"])
    if step == "send":
        await send(ann, here, f"m{n}")
    elif step == "react":
        about = ids.message_id(TENANT, here, "ann", f"m{n - 1}")  # perhaps it was never sent
        kind = chance.choice(["reaction:add", "reaction:remove"])
        await ann.ask(kind, conversation_id=here, message_id=about, emoji="👍")
    else:
        await ann.ask(f"conversation:{step}-participants", conversation_id=here, participants=[user])


async def caught_up(found: World, here: str) -> None:
    """Wait until the read models have passed the log."""

    async def passed() -> bool:
        for processor in found.processors()[:2]:
            checkpoints = await found.documents.checkpoints(processor.name, 1)
            for at, records in found.log.storage.records.items():
                if at.topic in processor.topics and records and checkpoints.get(at, -1) <= records[-1].position:
                    return False
        return True

    await eventually(passed)


def in_order(found: World, person: Person, here: str) -> bool:
    view = found.memberships.get(here)
    assert view is not None
    for lane in ("sent", "reaction", "conversation"):
        received = person.lane(lane, here)
        assert received == sorted(set(received)), (person.user, lane, received)
    received = person.lane("sent", here)
    member = view.members.get(person.user)
    head = found.documents._rows[("messages", "heads", 1)].get(here, {}).get("sent", {"n": 0})["n"]
    readable = [n for n in range(1, head + 1) if member is not None and member.reads(n)]
    assert received == readable, (person.user, received, readable, member)
    return True
