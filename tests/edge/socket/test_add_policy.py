"""The add policy of the nodes decides whom a user may add to a conversation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.commands.join_policy import JoinPolicy
from core.domain.add_policy import AddPolicy
from edge.socket.node import Node
from tests.edge.socket.asking import come, do, pushed_change
from tests.edge.socket.test_returning import opens
from tests.edge.socket.world import Person, World, room
from tests.eventually import eventually


@asynccontextmanager
async def set_to(policy: AddPolicy, found: World) -> AsyncIterator[Node]:
    node = found.node("set", letting_in=JoinPolicy(policy=policy))
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


async def test_strangers_cannot_be_added_if_shared_conversation_is_required(
    running: tuple[World, Node],
) -> None:
    async with set_to("shared", running[0]) as node:
        ann, _ = await come(node, "ann", "bob")
        app = await Person(node, "app", ("work",)).come()
        assert await opens(ann, participants=["bob"]) == "not_allowed"
        assert await opens(ann, kind="direct", participants=["bob"]) == "not_allowed"
        assert await opens(ann, kind="direct", participants=["ann"]) == "accepted"
        alone = await room(ann)
        assert await do(ann, "conversation:add-participants", alone, participants=["bob"]) == "not_allowed"
        there = await room(app, "ann", "bob")
        await pushed_change(ann, there, 1)
        assert await do(ann, "conversation:add-participants", alone, participants=["bob"]) == "accepted"
        assert await opens(ann, kind="direct", participants=["bob"]) == "accepted"
        assert await opens(ann, participants=["bob", "cy"]) == "not_allowed"


async def test_declined_direct_conversation_stays_left_if_strangers_cannot_be_added(
    running: tuple[World, Node],
) -> None:
    async with set_to("shared", running[0]) as node:
        ann, bob = await come(node, "ann", "bob")
        app = await Person(node, "app", ("work",)).come()
        there = await room(app, "ann", "bob")
        await pushed_change(ann, there, 1)
        await opens(ann, kind="direct", participants=["bob"])
        here = (await eventually(lambda: ann.of("conversation:updated")[1:] or False))[0]["data"]["conversation_id"]
        await pushed_change(bob, here, 1)
        await do(bob, "conversation:leave", here)
        await pushed_change(ann, here, 2)
        assert await do(ann, "message:send", here, client_msg_id="1", text="1") == "accepted"
        await pushed_change(bob, here, 3)
        for left in (here, there):
            await do(bob, "conversation:leave", left)
        await pushed_change(ann, here, 4)
        await pushed_change(ann, there, 2)
        assert await do(ann, "message:send", here, client_msg_id="2", text="2") == "not_allowed"
        assert await opens(ann, kind="direct", participants=["bob"]) == "not_allowed"
        assert await opens(bob, kind="direct", participants=["ann"]) == "accepted"
        assert await do(ann, "message:send", here, client_msg_id="3", text="3") == "accepted"


async def test_only_applications_add_members_if_set(running: tuple[World, Node]) -> None:
    async with set_to("applications", running[0]) as node:
        ann = (await come(node, "ann"))[0]
        app = await Person(node, "app", ("work",)).come()
        there = await room(app, "ann", "bob")
        await pushed_change(ann, there, 1)
        assert await opens(ann, participants=["bob"]) == "not_allowed"
        assert await opens(ann, kind="direct", participants=["bob"]) == "not_allowed"
        assert await opens(ann, participants=[]) == "accepted"
        await do(app, "conversation:set-role", there, participants=["ann"], role="owner")
        await pushed_change(ann, there, 2)
        assert await do(ann, "conversation:add-participants", there, participants=["cy"]) == "not_allowed"
        assert await do(ann, "conversation:add-participants", there, participants=["bob"]) == "persisted"


async def test_membership_added_by_another_node_just_now_counts(running: tuple[World, Node]) -> None:
    found, _ = running
    async with set_to("shared", found) as node:
        ann = (await come(node, "ann"))[0]
        app = await Person(node, "app", ("work",)).come()
        proved = list[str | None]()
        prove = found.memberships.prove

        async def late(conversation_id: str | None) -> None:
            if not proved:
                await app.ask("conversation:create", participants=["ann", "bob"], client_key="room")
            proved.append(conversation_id)
            await prove(conversation_id)

        found.memberships.prove = late  # type: ignore[method-assign]
        assert await opens(ann, kind="direct", participants=["bob"]) == "accepted"
        assert proved == [None]
