"""The messages are rebuilt and rolled back while users talk, and a node learns of it late: no row is passed over."""

from edge.socket.node import Node
from streams.processors.messages import Messages
from tests.edge.socket.asking import come
from tests.edge.socket.rebuilding import acted_during_rebuilds
from tests.edge.socket.world import World, room, send
from tests.eventually import eventually


async def test_messages_during_rebuild_and_rollback_are_delivered_once(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    count = await acted_during_rebuilds(found, Messages, lambda n: send(ann, here, f"m{n}"))
    await send(ann, here, "last")
    await found.generations.refresh()
    await node.look()
    await eventually(lambda: ben.texts()[-1:] == ["last"])
    assert ben.lane("sent", here) == list(range(1, count + 2))
