"""A new client asks for the positions of its conversations, and receives no earlier rows."""

from pathlib import Path

from tests.edge.socket.world import Person, room, send, world
from tests.eventually import eventually


async def test_sync_without_rows_returns_the_same_positions(tmp_path: Path) -> None:
    async with world(tmp_path) as (_, node):
        ann = await Person(node, "ann").come()
        here = await room(ann, "ben")
        await send(ann, here, "one", "two")
        await eventually(lambda: ann.lane("sent", here) == [1, 2])
        await ann.ask("conversation:remove-participants", conversation_id=here, participants=["ben"])
        await eventually(lambda: ann.lane("conversation", here) == [1, 2])
        await send(ann, here, "three")
        await eventually(lambda: ann.lane("sent", here) == [1, 2, 3])
        for user in ("ann", "ben"):
            quiet, loud = await Person(node, user).come(), await Person(node, user).come()
            for positions in ({}, {here: {"sent": 1}}):
                where = (await quiet.ask("sync", positions=positions, tell=False))["data"]
                assert where == (await loud.ask("sync", positions=positions))["data"]
            assert quiet.lane("sent", here) == []
        assert where["positions"][here]["sent"] == 2


async def test_later_events_are_pushed(tmp_path: Path) -> None:
    async with world(tmp_path) as (_, node):
        ann = await Person(node, "ann").come()
        here = await room(ann, "ben")
        await send(ann, here, "before")
        await eventually(lambda: ann.lane("sent", here) == [1])
        ben = await Person(node, "ben").come()
        await ben.ask("sync", positions={}, tell=False)
        await send(ann, here, "after")
        await eventually(lambda: ben.texts() == ["after"])
