"""Former members return in a new interval: by opening a conversation or by a message to them; and notes to self."""

import asyncio
import json
import random
from typing import Any

from edge.socket.node import Node
from schemas import ids
from tests.edge.socket.asking import come, do, pushed_change, said, shown
from tests.edge.socket.test_conversations import opened_directly, unapplied
from tests.edge.socket.world import TENANT, Person, World
from tests.eventually import eventually


async def opens(who: Person, **what: Any) -> str:
    """Return the level of the answer, or the code of the rejection."""
    assert who.client is not None
    number = random.randint(10_000, 1 << 40)
    await who.node.receive(who.client, json.dumps({"id": number, "type": "conversation:create", "data": what}))
    answer = await eventually(lambda: who.reply(number) or False)
    level: str = answer["data"]["level"] if answer["type"] == "ack" else answer["error"]["code"]
    return level


async def texts(who: Person, here: str) -> list[str]:
    found = await who.ask("message:history", conversation_id=here)
    return [one["text"] for one in found["data"]["messages"]]


async def present(who: Person, here: str) -> dict[str, str]:
    return {one["user_id"]: one["role"] for one in (await shown(who, here))["participants"] if one["present"]}


async def test_message_brings_back_former_member_of_direct_conversation(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await opened_directly(ann, "ben")
    await said(ann, here, "1")
    assert await do(ben, "conversation:leave", here) == "accepted"
    await pushed_change(ann, here, 2)
    sent = [await ann.say("message:send", conversation_id=here, client_msg_id=text, text=text) for text in "23"]
    for number in sent:
        answer = await eventually(lambda number=number: ann.reply(number) or False)  # type: ignore[misc]
        assert answer["data"]["level"] == "accepted"
    back = await pushed_change(ben, here, 3)
    assert (back["change"], back["participants"], back["at_seq"], back["from_seq"]) == (
        "participants-added",
        ["ben"],
        1,
        2,
    )
    await eventually(lambda: [one["data"]["text"] for one in ben.of("message:new")] == ["1", "2", "3"])
    assert await texts(ben, here) == ["1", "2", "3"]
    assert (await shown(ben, here))["unread"] == 2
    assert await present(ann, here) == {"ann": "member", "ben": "member"}
    assert unapplied(ann) == []


async def test_forward_brings_back_former_member_and_refused_command_does_not(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await opened_directly(ann, "ben")
    first = await said(ann, here, "1")
    await do(ben, "conversation:leave", here)
    await pushed_change(ann, here, 2)
    assert await do(ann, "message:send", here, client_msg_id="k", text=" ") == "validation_failed"
    assert await present(ann, here) == {"ann": "member"}
    forward = {"from_conversation_id": here, "message_id": first, "client_msg_id": "f"}
    assert await do(ann, "message:forward", here, **forward) == "accepted"
    await pushed_change(ben, here, 3)
    assert await texts(ben, here) == ["1", "1"]


async def test_message_before_the_leave_brings_nobody_back(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await opened_directly(ann, "ben")
    assert await do(ann, "message:send", here, client_msg_id="k", text="1") == "accepted"
    await eventually(lambda: ben.texts() == ["1"])
    await do(ben, "conversation:leave", here)
    await pushed_change(ann, here, 2)
    assert await do(ann, "message:send", here, client_msg_id="k", text="1") == "persisted"
    assert await do(ann, "message:send", here, client_msg_id="k", text="2") == "idempotency_conflict"
    assert await present(ann, here) == {"ann": "member"}


async def test_former_member_cannot_write_and_opens_again(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await opened_directly(ann, "ben")
    for number, who in enumerate((ann, ben), start=2):
        await do(who, "conversation:leave", here, client_key="bye")
        await pushed_change(who, here, number)
    assert await do(ben, "message:send", here, client_msg_id="k", text="x") == "not_a_participant"
    assert await opens(ben, kind="direct", participants=["ann"]) == "accepted"
    assert set((await pushed_change(ann, here, 4))["participants"]) == {"ann", "ben"}
    await said(ben, here, "again")
    assert await texts(ann, here) == ["again"]
    assert await opens(ann, kind="direct", participants=["ben"]) == "persisted"


async def test_concurrent_opens_bring_both_back_once(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await opened_directly(ann, "ben")
    for number, who in enumerate((ann, ben), start=2):
        await do(who, "conversation:leave", here, client_key="bye")
        await pushed_change(who, here, number)
    (another,) = await come(running[1], "ann")
    answers = await asyncio.gather(
        opens(ann, kind="direct", participants=["ben"]),
        opens(ben, kind="direct", participants=["ann"]),
        opens(another, kind="direct", participants=["ben"]),
    )
    assert set(answers) <= {"accepted", "persisted"}
    assert await present(ann, here) == {"ann": "member", "ben": "member"}
    found = (await shown(ben, here))["participants"]
    assert {one["user_id"]: len(one["intervals"]) for one in found} == {"ann": 2, "ben": 2}


async def test_abandoned_group_is_opened_by_former_members_only(
    running: tuple[World, Node],
) -> None:
    ben, cem = await come(running[1], "ben", "cem")
    ann, eve = [await Person(running[1], user, ("order",)).come() for user in ("ann", "eve")]
    await opens(ann, external_id="order", participants=["ben", "cem"])
    here = ids.external_conversation_id(TENANT, "order")
    await pushed_change(ben, here, 1)
    await do(ann, "conversation:remove-participants", here, participants=["cem"])
    await do(ben, "conversation:leave", here)
    await pushed_change(ann, here, 3)
    assert await opens(ben, external_id="order") == "not_a_participant"
    await said(ann, here, "without ben")
    await do(ann, "conversation:leave", here)
    await pushed_change(ann, here, 4)
    for stranger in (cem, eve):
        assert await opens(stranger, external_id="order") == "not_a_participant"
    assert await opens(ben, external_id="order", participants=["eve"]) == "accepted"
    await pushed_change(ben, here, 5)
    assert await present(ben, here) == {"ben": "owner"}
    assert await opens(ann, external_id="order") == "not_a_participant"
    await said(ben, here, "mine")
    assert await texts(ben, here) == ["mine"]


async def test_notes_to_self_are_a_direct_conversation(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    here = await opened_directly(ann, "ann")
    (other,) = await come(running[1], "ann")
    note = await said(ann, here, "milk for @ann")
    await eventually(lambda: [one["data"]["text"] for one in other.of("message:new")] == ["milk for @ann"])
    found = await shown(ann, here)
    assert (found["kind"], found["unread"], found["mentions"]) == ("direct", 0, 0)
    assert [one["user_id"] for one in found["participants"]] == ["ann"]
    assert await do(ann, "message:read", here, seq=1) == "accepted"
    assert await do(ann, "typing:start", here) == "accepted"
    for kind, more in (("message:edit", {"text": "bread"}), ("message:pin", {}), ("reaction:add", {"emoji": "👍"})):
        assert await do(ann, kind, here, message_id=note, **more) == "accepted"
    presences = (await ann.ask("presence:get", users=["ann"]))["data"]["presences"]
    assert [(one["user_id"], one["status"]) for one in presences] == [("ann", "online")]
    (listed,) = (await ann.ask("conversation:list"))["data"]["conversations"]
    assert (listed["conversation_id"], listed["unread"]) == (here, 0)
    await do(ann, "conversation:leave", here)
    await eventually(lambda: ann.lane("conversation", here) == [1, 2, 3])
    assert await opens(ann, kind="direct", participants=["ann"]) == "accepted"
    await said(ann, here, "again")
    assert await texts(ann, here) == ["bread", "again"]
    assert other.of("typing") == []


async def test_group_of_one_is_a_normal_group(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    assert await opens(ann, external_id="alone", participants=["ann"]) == "accepted"
    here = ids.external_conversation_id(TENANT, "@ann/alone")
    await pushed_change(ann, here, 1)
    await said(ann, here, "1")
    assert await present(ann, here) == {"ann": "owner"}
    assert (await shown(ann, here))["unread"] == 0
