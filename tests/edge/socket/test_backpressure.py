"""A node slows those who send more than the read models save, and nobody else."""

import asyncio
from pathlib import Path

from edge.socket.commands.backlog import MAX_WAIT_S, MIN_UNPERSISTED
from tests.edge.socket.delayed import without
from tests.edge.socket.world import Person, room, send
from tests.eventually import eventually


async def test_sender_waits_for_a_late_read_model_and_others_do_not(tmp_path: Path) -> None:
    async with without(tmp_path, "messages") as found:
        node = found.node()
        await node.start()
        ann, bob = await Person(node, "ann").come(), await Person(node, "bob").come()
        key = await room(ann, "bob")
        texts = [f"text {number}" for number in range(MIN_UNPERSISTED)]
        await send(ann, key, *texts)
        assert ann.of("slow_down") == []
        late = {"conversation_id": key, "client_msg_id": "late", "text": "late"}
        waiting = asyncio.create_task(ann.ask("message:send", **late))
        (warning,) = await eventually(lambda: ann.of("slow_down") or False)
        assert warning["data"] == {"unpersisted": MIN_UNPERSISTED, "own": MIN_UNPERSISTED}
        async with asyncio.timeout(MAX_WAIT_S / 2):
            await send(bob, key, "at once")
        assert not waiting.done()
        found.read("messages")
        assert (await waiting)["type"] == "ack"
        await eventually(lambda: bob.texts() == [*texts, "at once", "late"])
        await eventually(lambda: node._commands.backlog.unpersisted == 0)
        await node.stop()


async def test_repeat_is_counted_once(tmp_path: Path) -> None:
    async with without(tmp_path, "messages") as found:
        node = found.node()
        await node.start()
        ann = await Person(node, "ann").come()
        key = await room(ann, "bob")
        await eventually(lambda: node._commands.backlog.unpersisted == 0)
        for _ in range(3):
            await send(ann, key, "the same")
        assert node._commands.backlog.unpersisted == 1
        await node.stop()
