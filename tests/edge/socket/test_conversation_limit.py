"""A user is in as many conversations as the setting allows."""

from collections.abc import AsyncIterator

import pytest

from core.commands.join_policy import JoinPolicy
from edge.socket.node import Node
from tests.edge.socket.asking import come, do, pushed_change
from tests.edge.socket.test_returning import opens
from tests.edge.socket.world import Person, World, room
from tests.eventually import eventually


@pytest.fixture
async def limited(running: tuple[World, Node]) -> AsyncIterator[Node]:
    """A node on which a user is in two conversations at most."""
    node = running[0].node("limited", letting_in=JoinPolicy(conversations=2))
    await node.start()
    yield node
    await node.stop()


async def test_user_at_the_limit_opens_another_after_leaving_one(limited: Node) -> None:
    (ann,) = await come(limited, "ann")
    assert ann.of("hello")[0]["data"]["limits"]["user_conversations"] == 2
    assert await opens(ann, external_id="user:ann:one") == "accepted"
    here = await room(ann)
    assert await opens(ann, external_id="user:ann:three") == "conversation_limit"
    assert await opens(ann, external_id="user:ann:one") == "persisted"
    assert await do(ann, "conversation:leave", here) == "accepted"
    assert await opens(ann, external_id="user:ann:three") == "accepted"


async def test_user_at_the_limit_is_added_by_applications_only(limited: Node) -> None:
    ann, ben = await come(limited, "ann", "ben")
    app = await Person(limited, "app", ("work",)).come()
    await room(ben)
    assert await opens(ben, external_id="user:ben:two") == "accepted"
    assert await opens(ann, kind="direct", participants=["ben"]) == "conversation_limit"
    assert await opens(ann, participants=["cy", "ben"]) == "conversation_limit"
    here = await room(ann)
    assert await do(ann, "conversation:add-participants", here, participants=["ben"]) == "conversation_limit"
    there = await room(app, "ben")
    await pushed_change(ben, there, 1)


async def test_user_at_the_limit_is_not_brought_back_by_a_message(limited: Node) -> None:
    ann, ben = await come(limited, "ann", "ben")
    assert await opens(ann, kind="direct", participants=["ben"]) == "accepted"
    here = (await eventually(lambda: ann.of("conversation:updated") or False))[0]["data"]["conversation_id"]
    await pushed_change(ben, here, 1)
    await do(ben, "conversation:leave", here)
    await pushed_change(ann, here, 2)
    mine = await room(ben)
    assert await opens(ben, external_id="user:ben:two") == "accepted"
    assert await do(ann, "message:send", here, client_msg_id="1", text="1") == "conversation_limit"
    assert await do(ben, "conversation:leave", mine) == "accepted"
    assert await do(ann, "message:send", here, client_msg_id="1", text="1") == "accepted"
    await pushed_change(ben, here, 3)
