"""The messages are rebuilt and rolled back while users talk, and a node learns of it late: no row is passed over."""

import asyncio

from edge.socket.node import Node
from projections.stores.memory import MemoryDocuments
from streams.processors.messages import Messages
from streams.rebuild.rebuild import rebuild, rollback
from tests.edge.socket.asking import come
from tests.edge.socket.test_own_rebuilt import quiet
from tests.edge.socket.world import World, room, send
from tests.eventually import eventually


async def rebuilt(found: World) -> None:
    report = await rebuild(
        Messages, found.log, found.documents, found.health, scratch=MemoryDocuments(), progress=quiet, pause_s=5.0
    )
    assert report.outcome == "switched", report


async def test_messages_during_rebuild_and_rollback_are_delivered_once(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    done = asyncio.Event()

    async def talk() -> int:
        n = 0
        while not done.is_set():
            n += 1
            found.bus.lose = n % 3 == 0
            await send(ann, here, f"m{n}")
            await asyncio.sleep(0.002)
        return n

    busy = asyncio.create_task(talk())
    try:
        await rebuilt(found)
        await rollback(Messages, found.log, found.documents, found.health, progress=quiet, pause_s=5.0)
        await rebuilt(found)
    finally:
        done.set()
    count = await busy
    found.bus.lose = False
    await send(ann, here, "last")
    await found.generations.refresh()
    await node.look()
    await eventually(lambda: ben.texts()[-1:] == ["last"])
    assert ben.lane("sent", here) == list(range(1, count + 2))
