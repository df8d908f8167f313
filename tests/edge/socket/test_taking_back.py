"""Former members delete their own messages and reactions, and nothing else."""

from edge.socket.node import Node
from tests.edge.socket.asking import come, do, pushed_change, said
from tests.edge.socket.world import Person, World, room
from tests.eventually import eventually


async def scene(node: Node) -> tuple[Person, Person, str, str, str]:
    """Ann and Ben, who left after both sent a message and he reacted to hers."""
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    await pushed_change(ben, here, 1)
    hers, his = await said(ann, here, "hers"), await said(ben, here, "his")
    assert await do(ben, "reaction:add", here, message_id=hers, emoji="👍") == "accepted"
    assert await do(ben, "conversation:leave", here) == "accepted"
    await pushed_change(ann, here, 2)
    return ann, ben, here, hers, his


async def test_former_member_deletes_own_message(running: tuple[World, Node]) -> None:
    ann, ben, here, hers, his = await scene(running[1])
    assert await do(ben, "message:delete", here, message_id=his) == "accepted"
    await eventually(lambda: [one["data"]["message_id"] for one in ann.of("message:deleted")] == [his])
    await eventually(lambda: [one["data"]["lane"] for one in ben.of("receipt")] == ["sent", "reaction", "deleted"])
    assert ben.of("message:deleted") == []
    shown = await ben.ask("message:get", conversation_id=here, message_id=his)
    assert (shown["data"]["message"]["deleted"], shown["data"]["message"]["text"]) == (True, None)
    assert await do(ben, "message:delete", here, message_id=his) == "persisted"
    assert await do(ben, "message:delete", here, message_id=hers) == "not_a_participant"
    assert await do(ben, "message:edit", here, message_id=his, text="x") == "not_a_participant"


async def test_former_author_is_known_to_a_lagging_node(running: tuple[World, Node]) -> None:
    found, node = running
    ann, _, here, _, his = await scene(node)
    other = found.node("two")
    await other.start()
    (ben,) = await come(other, "ben")
    assert await do(ben, "message:delete", here, message_id=his) == "accepted"
    await eventually(lambda: ann.lane("deleted", here) == [1])
    await other.stop()


async def test_non_member_learns_nothing(running: tuple[World, Node]) -> None:
    _, _, here, hers, _ = await scene(running[1])
    (eve,) = await come(running[1], "eve")
    for kind, more in (("message:delete", {}), ("reaction:remove", {"emoji": "👍"})):
        assert await do(eve, kind, here, message_id=hers, **more) == "not_a_participant"


async def test_former_member_removes_own_reaction_and_adds_none(running: tuple[World, Node]) -> None:
    ann, ben, here, hers, _ = await scene(running[1])
    later = await said(ann, here, "later")
    assert await do(ben, "reaction:add", here, message_id=hers, emoji="🎉") == "not_a_participant"
    assert await do(ben, "reaction:remove", here, message_id=later, emoji="👍") == "message_not_found"
    assert await do(ben, "reaction:remove", here, message_id=hers, emoji="👍") == "accepted"
    await eventually(lambda: ann.of("reaction:changed")[-1]["data"]["reactions"] == [])
