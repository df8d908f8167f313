"""The root of a thread has the number of its replies in every answer; pushes bring the replies themselves."""

from typing import Any

from edge.socket.node import Node
from tests.edge.socket.asking import come, do, said, shown
from tests.edge.socket.world import Person, World, room
from tests.eventually import eventually


async def counts(who: Person, here: str, root: str) -> list[Any]:
    """Return the thread field in history, thread, message and search."""
    history = (await who.ask("message:history", conversation_id=here))["data"]["messages"]
    thread = (await who.ask("message:thread", conversation_id=here, message_id=root))["data"]["root"]
    alone = (await who.ask("message:get", conversation_id=here, message_id=root))["data"]["message"]
    first = next(one for one in history if one["message_id"] == root)
    return [one.get("thread") for one in (first, thread, alone)]


async def test_root_has_its_number_of_replies(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    root = await said(ann, here, "root")
    assert (await counts(ben, here, root)) == [None] * 3
    first = await said(ben, here, "first", reply_to=root)
    await said(ann, here, "elsewhere")
    second = await said(ann, here, "second", reply_to=first)
    await ann.ask(
        "message:send", conversation_id=here, client_msg_id="second", text="second", reply_to=first, retry=True
    )
    wanted = {"count": 2, "last_seq": 4}
    assert (await counts(ben, here, root)) == [wanted] * 3
    await do(ann, "message:delete", here, message_id=second)
    await do(ann, "message:edit", here, message_id=root, text="root again")
    await eventually(lambda: ben.lane("deleted", here) == ben.lane("edited", here) == [1])
    assert (await counts(ben, here, root)) == [wanted] * 3
    pushed = [frame["data"] for kind in ("message:new", "message:edited") for frame in ben.of(kind)]
    assert [one for one in pushed if "thread" in one] == []
    since = [one for one in pushed if one.get("thread_root") == root and one["seq"] > 2]
    assert len(since) == 1


async def test_last_message_in_list_has_reply_count_with_hidden_replies(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    root = await said(ann, here, "root")
    await do(ben, "message:hide", here, message_id=await said(ann, here, "answer", reply_to=root))
    last = (await shown(ben, here))["last_message"]
    assert (last["message_id"], last["thread"]) == (root, {"count": 1, "last_seq": 2})


async def test_former_member_does_not_see_later_replies_counted(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    root = await said(ann, here, "root")
    await said(ann, here, "before", reply_to=root)
    assert await do(ben, "conversation:leave", here) == "accepted"
    assert (await counts(ben, here, root)) == [{"count": 1, "last_seq": 2}] * 3
    await said(ann, here, "after", reply_to=root)
    assert (await counts(ben, here, root)) == [None] * 3
    assert (await counts(ann, here, root)) == [{"count": 2, "last_seq": 3}] * 3
