"""Whom one may let into a conversation, as the nodes are set."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.commands.join_policy import JoinPolicy
from core.domain.add_policy import AddPolicy
from edge.socket.node import Node
from tests.edge.socket.asking import come, do, told
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


async def test_strangers_are_let_in_by_nobody_where_those_who_share_a_conversation_are(
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
        await told(ann, there, 1)
        assert await do(ann, "conversation:add-participants", alone, participants=["bob"]) == "accepted"
        assert await opens(ann, kind="direct", participants=["bob"]) == "accepted"
        assert await opens(ann, participants=["bob", "cy"]) == "not_allowed"


async def test_who_declined_a_direct_conversation_stays_out_of_it_where_strangers_are_let_in_by_nobody(
    running: tuple[World, Node],
) -> None:
    async with set_to("shared", running[0]) as node:
        ann, bob = await come(node, "ann", "bob")
        app = await Person(node, "app", ("work",)).come()
        there = await room(app, "ann", "bob")
        await told(ann, there, 1)
        await opens(ann, kind="direct", participants=["bob"])
        here = (await eventually(lambda: ann.of("conversation:updated")[1:] or False))[0]["data"]["conversation_id"]
        await told(bob, here, 1)
        await do(bob, "conversation:leave", here)
        await told(ann, here, 2)
        assert await do(ann, "message:send", here, client_msg_id="1", text="1") == "accepted"
        await told(bob, here, 3)
        for left in (here, there):
            await do(bob, "conversation:leave", left)
        await told(ann, here, 4)
        await told(ann, there, 2)
        assert await do(ann, "message:send", here, client_msg_id="2", text="2") == "not_allowed"
        assert await opens(ann, kind="direct", participants=["bob"]) == "not_allowed"
        assert await opens(bob, kind="direct", participants=["ann"]) == "accepted"
        assert await do(ann, "message:send", here, client_msg_id="3", text="3") == "accepted"


async def test_applications_alone_let_people_in_where_the_nodes_are_set_so(running: tuple[World, Node]) -> None:
    async with set_to("applications", running[0]) as node:
        ann = (await come(node, "ann"))[0]
        app = await Person(node, "app", ("work",)).come()
        there = await room(app, "ann", "bob")
        await told(ann, there, 1)
        assert await opens(ann, participants=["bob"]) == "not_allowed"
        assert await opens(ann, kind="direct", participants=["bob"]) == "not_allowed"
        assert await opens(ann, participants=[]) == "accepted"
        await do(app, "conversation:set-role", there, participants=["ann"], role="owner")
        await told(ann, there, 2)
        assert await do(ann, "conversation:add-participants", there, participants=["cy"]) == "not_allowed"
        assert await do(ann, "conversation:add-participants", there, participants=["bob"]) == "persisted"


async def test_a_conversation_that_another_node_has_just_let_one_into_counts(running: tuple[World, Node]) -> None:
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
