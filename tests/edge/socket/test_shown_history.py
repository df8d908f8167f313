"""New members read earlier messages in every way if the group shows its history, else in none."""

from typing import Any

from edge.socket.node import Node
from tests.edge.socket.asking import come, do, pushed_change, said, shown
from tests.edge.socket.world import Person, World, room
from tests.eventually import eventually


async def scene(node: Node, **setting: Any) -> tuple[Person, Person, str, list[str]]:
    """Ann sends a root and a reply before Cem is added. Return them."""
    ann, cem = await come(node, "ann", "cem")
    here = await room(ann, "ben")
    if setting:
        assert await do(ann, "conversation:update", here, **setting) == "accepted"
        await pushed_change(ann, here, 2)
    root = await said(ann, here, "root")
    answer = await said(ann, here, "answer", reply_to=root)
    assert await do(ann, "conversation:add-participants", here, participants=["cem"]) == "accepted"
    return ann, cem, here, [root, answer]


async def reads(who: Person, here: str, root: str) -> dict[str, Any]:
    """Return what each way of reading finds of the earlier messages."""
    history = (await who.ask("message:history", conversation_id=here))["data"]["messages"]
    one = await who.ask("message:get", conversation_id=here, message_id=root)
    thread = await who.ask("message:thread", conversation_id=here, message_id=root)
    found = await who.ask("search:messages", conversation_id=here, text="root")
    fresh = await Person(who.node, who.user).come()
    await fresh.ask("sync", positions={})
    last = (await shown(who, here))["last_message"]
    return {
        "history": [each["text"] for each in history],
        "get": one["type"],
        "thread": [each["text"] for each in thread["data"]["messages"]] if thread["type"] == "ack" else [],
        "search": [each["text"] for each in found["data"]["messages"]],
        "sync": [each["data"]["text"] for each in fresh.of("message:new")],
        "last": last and last["text"],
        "react": await do(who, "reaction:add", here, message_id=root, emoji="👍"),
        "pin": await do(who, "message:pin", here, message_id=root),
        "hide": await do(who, "message:hide", here, message_id=root),
    }


async def test_new_member_reads_shown_history_in_every_way(running: tuple[World, Node]) -> None:
    ann, cem, here, (root, answer) = await scene(running[1], history="all")
    came = await pushed_change(cem, here, 3)
    assert (came["at_seq"], came["from_seq"]) == (2, 1)
    view = await shown(cem, here)
    assert (view["history"], view["history_from"], view["unread"]) == ("all", 1, 0)
    assert {one["user_id"]: one["intervals"] for one in view["participants"]}["cem"] == [[1, None]]
    assert await reads(cem, here, root) == {
        "history": ["root", "answer"],
        "get": "ack",
        "thread": ["answer"],
        "search": ["root"],
        "sync": ["root", "answer"],
        "last": "answer",
        "react": "accepted",
        "pin": "accepted",
        "hide": "accepted",
    }
    await do(ann, "message:edit", here, message_id=answer, text="other")
    await eventually(lambda: [one["data"]["text"] for one in cem.of("message:edited")] == ["other"])
    await said(ann, here, "new")
    assert (await shown(cem, here))["unread"] == 1
    await do(cem, "message:read", here, seq=3)
    await eventually(
        lambda: (
            [one["data"]["cursors"] for one in ann.of("cursors:moved")]
            == [[{"user_id": "cem", "read_seq": 3, "delivered_seq": 3}]]
        )
    )


async def test_new_member_reads_unshown_history_in_no_way(running: tuple[World, Node]) -> None:
    _, cem, here, (root, _) = await scene(running[1])
    assert (await pushed_change(cem, here, 2))["from_seq"] == 3
    assert (await shown(cem, here))["history"] == "joined"
    assert await reads(cem, here, root) == {
        "history": [],
        "get": "error",
        "thread": [],
        "search": [],
        "sync": [],
        "last": None,
        "react": "message_not_found",
        "pin": "message_not_found",
        "hide": "message_not_found",
    }


async def test_shown_history_setting_is_pushed_to_all(running: tuple[World, Node]) -> None:
    ann, cem, here, _ = await scene(running[1])
    await pushed_change(cem, here, 2)
    assert await do(cem, "conversation:update", here, history="all") == "not_allowed"
    assert await do(ann, "conversation:update", here, history="all") == "accepted"
    for who in (ann, cem):
        change = await pushed_change(who, here, 3)
        assert (change["changed"], change["history"], change["from_seq"]) == (["history"], "all", 1)
    assert (await cem.ask("message:history", conversation_id=here))["data"]["messages"] == []
    await do(ann, "conversation:remove-participants", here, participants=["cem"], client_key="1")
    await do(ann, "conversation:add-participants", here, participants=["cem"], client_key="2")
    await pushed_change(cem, here, 5)
    found = (await cem.ask("message:history", conversation_id=here))["data"]["messages"]
    assert [one["text"] for one in found] == ["root", "answer"]


async def test_returning_member_receives_missed_messages_of_shown_history(
    running: tuple[World, Node],
) -> None:
    ann, cem, here, _ = await scene(running[1], history="all")
    await pushed_change(cem, here, 3)
    await said(ann, here, "with cem")
    await eventually(lambda: cem.of("message:new") or False)
    await do(ann, "conversation:remove-participants", here, participants=["cem"], client_key="1")
    await pushed_change(cem, here, 4)
    await said(ann, here, "without cem")
    await do(ann, "conversation:add-participants", here, participants=["cem"], client_key="2")
    await eventually(lambda: [one["data"]["text"] for one in cem.of("message:new")] == ["with cem", "without cem"])
