"""Names, fields, roles and pins of groups, through a whole node."""

import asyncio
import functools
import json
from typing import Any

from edge.socket.node import Node
from projections.queries.last_change import PAGE
from schemas import ids
from schemas.bounds import METADATA_BYTES
from tests.edge.socket.asking import come, do, pushed_change, shown
from tests.edge.socket.world import TENANT, Person, World, room, send
from tests.eventually import eventually

AVATAR = "6f1d1f8a-0000-4000-8000-0000000000a1"
ABSENT = "6f1d1f8a-0000-5000-8000-00000000000f"


async def opened_directly(who: Person, other: str) -> str:
    """Open a direct conversation. Return its id once it is known."""
    assert who.client is not None
    ask = {"id": "direct", "type": "conversation:create", "data": {"kind": "direct", "participants": [other]}}
    await who.node.receive(who.client, json.dumps(ask))
    conversation_id = ids.direct_conversation_id(TENANT, who.user, other)
    await pushed_change(who, conversation_id, 1)
    return conversation_id


def unapplied(who: Person) -> list[dict[str, Any]]:
    return [one["data"] for one in who.of("receipt") if not one["data"]["applied"]]


# Update


async def test_update_is_pushed_synced_and_shown(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    given = {"title": "Plans", "avatar": AVATAR, "metadata": {"a.b": {"$c": [1, None]}}}
    assert await do(ann, "conversation:update", here, **given) == "accepted"
    pushed = await pushed_change(ben, here, 2)
    assert pushed["change"] == "changed"
    assert pushed["changed"] == ["title", "avatar", "metadata"]
    assert {name: pushed[name] for name in given} == given
    (again,) = await come(running[1], "ben")
    await again.ask("sync", positions={here: {"conversation": 1}})
    assert await pushed_change(again, here, 2) == pushed
    assert {name: (await shown(ben, here))[name] for name in given} == given
    (listed,) = (await ben.ask("conversation:list"))["data"]["conversations"]
    assert (listed["title"], listed["avatar"], listed["metadata"], listed["pins"]) == ("Plans", AVATAR, None, None)


async def test_updates_of_different_fields_are_merged_and_null_removes(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    await do(ann, "conversation:update", here, title="Plans", client_key="1")
    await do(ann, "conversation:update", here, avatar=AVATAR, client_key="2")
    await do(ann, "conversation:update", here, title=None, client_key="3")
    change = await pushed_change(ben, here, 4)
    assert (change["changed"], change["title"]) == (["title"], None)
    data = await shown(ann, here)
    assert (data["title"], data["avatar"], data["n"]) == (None, AVATAR, 4)


async def test_update_without_a_change_is_not_appended(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    here = await room(ann, "ben")
    await do(ann, "conversation:update", here, title="Plans", client_key="1")
    await pushed_change(ann, here, 2)
    assert await do(ann, "conversation:update", here, title="Plans", client_key="2") == "persisted"


async def test_update_is_refused_for_each_cause(running: tuple[World, Node]) -> None:
    ann, ben, eve = await come(running[1], "ann", "ben", "eve")
    here = await room(ann, "ben")
    assert await do(ben, "conversation:update", here, title="Mine") == "not_allowed"
    assert await do(eve, "conversation:update", here, title="Mine") == "not_a_participant"
    assert await do(ann, "conversation:update", ABSENT, title="Mine") == "conversation_not_found"
    direct = await opened_directly(ann, "ben")
    assert await do(ann, "conversation:update", direct, title="Us") == "not_allowed"
    nothing = (await ann.ask("conversation:update", conversation_id=here))["error"]
    assert (nothing["code"], nothing["errors"]) == (
        "validation_failed",
        [{"pointer": "/data/title", "code": "missing"}],
    )
    large = {"a": "x" * METADATA_BYTES}
    refused = (await ann.ask("conversation:update", conversation_id=here, metadata=large))["error"]
    assert refused["errors"] == [{"pointer": "/data/metadata", "code": "bounds"}]
    assert await do(ann, "conversation:update", here, title="Plans", client_key="k") == "accepted"
    assert await do(ann, "conversation:update", here, title="Other", client_key="k") == "idempotency_conflict"


# Roles


async def test_role_grants_its_permissions(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben", "cy")
    assert await do(ann, "conversation:set-role", here, participants=["ben"], role="admin") == "accepted"
    change = await pushed_change(ben, here, 2)
    assert (change["change"], change["participants"], change["roles"]) == ("roles-changed", ["ben"], {"ben": "admin"})
    assert await do(ben, "conversation:update", here, title="Plans") == "accepted"
    assert await do(ben, "conversation:set-role", here, participants=["cy"], role="admin") == "not_allowed"
    assert await do(ben, "conversation:add-participants", here, participants=["eve"], role="owner") == "not_allowed"
    roles = {one["user_id"]: one["role"] for one in (await shown(ann, here))["participants"]}
    assert roles == {"ann": "owner", "ben": "admin", "cy": "member"}
    assert await do(ann, "conversation:set-role", here, participants=["ben"], role="admin") == "persisted"


async def test_role_change_is_refused_for_each_cause(running: tuple[World, Node]) -> None:
    ann, eve = await come(running[1], "ann", "eve")
    here = await room(ann, "ben")
    role: dict[str, Any] = {"participants": ["ben"], "role": "admin"}
    assert await do(eve, "conversation:set-role", here, **role) == "not_a_participant"
    assert await do(ann, "conversation:set-role", ABSENT, **role) == "conversation_not_found"
    assert await do(ann, "conversation:set-role", here, participants=["eve"], role="admin") == "participant_not_found"
    assert await do(ann, "conversation:set-role", here, participants=["ann"], role="member") == "last_owner"
    assert await do(ann, "conversation:set-role", here, **role, client_key="k") == "accepted"
    other = await do(ann, "conversation:set-role", here, participants=["ben"], role="owner", client_key="k")
    assert other == "idempotency_conflict"


async def test_group_keeps_an_owner_until_the_last_member_leaves(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    assert await do(ann, "conversation:leave", here, client_key="1") == "last_owner"
    assert await do(ann, "conversation:remove-participants", here, participants=["ann"]) == "last_owner"
    await do(ann, "conversation:set-role", here, participants=["ben"], role="owner")
    await pushed_change(ben, here, 2)
    assert await do(ann, "conversation:leave", here, client_key="2") == "accepted"
    await pushed_change(ben, here, 3)
    assert await do(ben, "conversation:leave", here) == "accepted"


async def test_second_of_two_owners_leaving_at_once_stays_and_is_notified(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben", "cy")
    await do(ann, "conversation:set-role", here, participants=["ben"], role="owner")
    await pushed_change(ben, here, 2)
    asked = await asyncio.gather(*(who.say("conversation:leave", conversation_id=here) for who in (ann, ben)))
    for who, number in zip((ann, ben), asked, strict=True):
        answer = await eventually(functools.partial(lambda who, number: who.reply(number) or False, who, number))
        assert answer["type"] == "ack"
    await eventually(lambda: len(unapplied(ben)) == 1)
    assert unapplied(ann) == []
    assert (await pushed_change(ben, here, 4))["participants"] == []
    present = [one["user_id"] for one in (await shown(ben, here))["participants"] if one["present"]]
    assert present == ["ben", "cy"]


async def test_stale_rejection_is_not_answered(running: tuple[World, Node]) -> None:
    """Each of these is decided on a view without the command just before."""
    (ann,) = await come(running[1], "ann")
    here = await room(ann)
    asked = [
        await ann.say("conversation:add-participants", conversation_id=here, participants=["ben"]),
        await ann.say("conversation:set-role", conversation_id=here, participants=["ben"], role="owner"),
        await ann.say("conversation:leave", conversation_id=here),
    ]
    await eventually(lambda: all(map(ann.reply, asked)))
    assert [(ann.reply(number) or {})["type"] for number in asked] == ["ack"] * 3


# Former members


async def test_former_member_sees_only_the_state_at_their_leave(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    await do(ann, "conversation:update", here, title="Before", client_key="1")
    await send(ann, here, "1")
    await eventually(lambda: ben.texts() == ["1"])
    await do(ben, "conversation:leave", here)
    await pushed_change(ben, here, 3)
    await do(ann, "conversation:update", here, title="After", metadata={"a": 1}, client_key="2")
    await do(ann, "conversation:add-participants", here, participants=["cy"])
    await send(ann, here, "2")
    await eventually(lambda: ann.texts() == ["1", "2"])
    await pushed_change(ann, here, 5)
    data = await shown(ben, here)
    assert (data["kind"], data["created_by"], data["n"], data["seq"]) == ("group", "ann", 3, 1)
    assert (data["title"], data["avatar"], data["metadata"], data["pins"]) == (None, None, None, None)
    (ben,) = data["participants"]
    assert (ben["user_id"], ben["role"], ben["present"], ben["intervals"]) == ("ben", "member", False, [[1, 1]])


async def test_long_gone_member_syncs_up_to_their_leave(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    await do(ben, "conversation:leave", here)
    for n in range(PAGE + 10):
        await ann.say("conversation:update", conversation_id=here, title=f"{n}", client_key=f"{n}")
    await pushed_change(ann, here, PAGE + 12)
    assert (await shown(ben, here))["n"] == 2
    (again,) = await come(running[1], "ben")
    await again.ask("sync", positions={here: {}})
    assert again.lane("conversation", here) == [1, 2]
