"""Names of conversations: an application's are shared, a user's own are private."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from edge.socket.node import Node
from schemas import envelope, ids
from schemas.events import ConversationCreated
from schemas.names import own_name
from tests.edge.socket.asking import come, do, pushed_change, shown
from tests.edge.socket.test_stay_edges import one_behind
from tests.edge.socket.world import TENANT, Person, World, room
from tests.given import AT, CORRELATION


async def opens(who: Person, name: str, **more: Any) -> str:
    """Return the conversation that a name opens, or the code of the rejection."""
    answer = await who.ask("conversation:create", external_id=name, **more)
    return str(answer["data"]["conversation_id"] if answer["type"] == "ack" else answer["error"]["code"])


async def application(node: Node, *names: str) -> Person:
    return await Person(node, "app", names).come()


async def test_users_name_is_separate_from_names_of_applications_and_other_users(running: tuple[World, Node]) -> None:
    mal, bob = await come(running[1], "mal", "bob")
    app = await application(running[1], "order-")
    rooms = [await opens(who, "order-4711") for who in (mal, bob, app)]
    assert rooms == [ids.external_conversation_id(TENANT, f"{of}order-4711") for of in ("@mal/", "@bob/", "")]
    assert [await opens(who, "order-4711") for who in (mal, bob, app)] == rooms
    for who, where, name in zip((mal, bob, app), rooms, ("@mal/", "@bob/", ""), strict=True):
        await pushed_change(who, where, 1)
        assert (await shown(who, where))["external_id"] == f"{name}order-4711"


async def test_claim_covers_names_with_its_prefix(running: tuple[World, Node]) -> None:
    app = await application(running[1], "order-", "case-")
    every = await Person(running[1], "every", ("",)).come()
    assert await opens(app, "case-1") == ids.external_conversation_id(TENANT, "case-1")
    assert await opens(app, "lunch") == ids.external_conversation_id(TENANT, "@app/lunch")
    assert await opens(every, "lunch") == ids.external_conversation_id(TENANT, "lunch")
    assert await opens(every, "case-1") == "not_a_participant"


async def test_member_opens_application_conversation_by_name_before_their_own(
    running: tuple[World, Node],
) -> None:
    app = await application(running[1], "order-")
    ann, eve = await come(running[1], "ann", "eve")
    there = await opens(app, "order-1", participants=["ann"])
    await pushed_change(ann, there, 1)
    assert await opens(ann, "order-1") == there
    assert await opens(eve, "order-1") == ids.external_conversation_id(TENANT, "@eve/order-1")
    await do(app, "conversation:add-participants", there, participants=["eve"])
    assert await opens(eve, "order-1") == there
    assert await opens(eve, "@eve/order-1") == ids.external_conversation_id(TENANT, "@eve/order-1")
    await do(app, "conversation:remove-participants", there, participants=["eve"])
    await pushed_change(eve, there, 3)
    assert await opens(eve, "order-1") == "not_a_participant"


async def test_other_users_name_opens_only_for_members_without_disclosure(
    running: tuple[World, Node],
) -> None:
    ann, bob, eve = await come(running[1], "ann", "bob", "eve")
    every = await application(running[1], "")
    there = await opens(ann, "lunch", participants=["bob"])
    await pushed_change(bob, there, 1)
    assert await opens(bob, "@ann/lunch") == there
    for stranger in (eve, every):
        names = [f"@ann/{name}" for name in ("lunch", "none")]
        assert [await opens(stranger, name) for name in names] == ["not_a_participant"] * 2
        details = {(await stranger.ask("conversation:create", external_id=name))["error"]["detail"] for name in names}
        assert len(details) == 1
    assert await opens(bob, "lunch") == ids.external_conversation_id(TENANT, "@bob/lunch")


async def test_direct_conversation_shows_no_application_name(running: tuple[World, Node]) -> None:
    ann, bob = await come(running[1], "ann", "bob")
    assert ann.client is not None
    asked = {"kind": "direct", "external_id": "order-1", "participants": ["bob"]}
    await ann.node.receive(ann.client, json.dumps({"id": "direct", "type": "conversation:create", "data": asked}))
    here = ids.direct_conversation_id(TENANT, "ann", "bob")
    await pushed_change(bob, here, 1)
    assert (await shown(bob, here))["external_id"] == "@ann/order-1"


async def test_name_length_is_limited(running: tuple[World, Node]) -> None:
    (long,) = await come(running[1], "l" * 128)
    here = await opens(long, "n" * 128)
    await pushed_change(long, here, 1)
    assert await opens(long, (await shown(long, here))["external_id"]) == here
    assert await opens(long, "n" * 129) == "validation_failed"


async def test_member_added_by_another_node_just_now_is_known(running: tuple[World, Node]) -> None:
    found, _ = running
    app = await application(running[1], "order-")
    (ann,) = await come(running[1], "ann")
    there = await opens(app, "order-1")
    gate = asyncio.Event()
    prove = found.memberships.prove

    async def late(conversation_id: str) -> None:
        await gate.wait()
        await prove(conversation_id)

    found.memberships.prove = late  # type: ignore[method-assign]
    opening = asyncio.create_task(opens(ann, "order-1"))
    await asyncio.sleep(0)
    await do(app, "conversation:add-participants", there, participants=["ann"])
    gate.set()
    assert await opening == there


async def test_id_without_a_name_is_unchanged(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    here = await room(ann, "bob")
    assert here == ids.keyed_conversation_id(TENANT, "ann", "room")


# Invisible names


async def begun_before(found: World, external_id: str, owner: str) -> str:
    """Append a conversation with this name, as old logs have it from before names had to be visible."""
    here = ids.external_conversation_id(TENANT, external_id)
    event = ConversationCreated(
        tenant=TENANT,
        at=AT,
        conversation_id=here,
        actor=owner,
        kind="group",
        participants={owner: "owner"},
        external_id=external_id,
    )
    await found.log.append(
        envelope.encode(event, event_id=here, source="/test", correlation_id=CORRELATION, actor=owner)
    )
    return here


async def code_of(who: Person, **data: Any) -> tuple[str, list[dict[str, str]] | None]:
    error = (await who.ask("conversation:create", **data))["error"]
    return error["code"], error["errors"]


@pytest.mark.parametrize("name", [" ", "\n", "\u200b\u2060", "\u3164"], ids=ascii)
async def test_invisible_name_is_refused(running: tuple[World, Node], name: str) -> None:
    (ann,) = await come(running[1], "ann")
    every = await application(running[1], "")
    rejection = ("validation_failed", [{"pointer": "/data/external_id", "code": "value"}])
    assert await code_of(ann, external_id=name) == rejection
    assert await code_of(ann, external_id=own_name("ann", name)) == rejection
    assert await code_of(every, external_id=name) == rejection
    assert (await code_of(every, external_id=own_name("ann", name)))[0] == "not_a_participant"
    assert (await ann.ask("conversation:list"))["data"]["conversations"] == []


@pytest.mark.parametrize("name", [" ", "\n", "\u200b\u2060"], ids=ascii)
async def test_old_conversation_with_invisible_name_is_opened_and_read(running: tuple[World, Node], name: str) -> None:
    found, node = running
    (ann,) = await come(node, "ann")
    every = await application(node, "")
    own, common = own_name("ann", name), name
    for who, full in ((ann, own), (every, common)):
        here = await begun_before(found, full, who.user)
        await pushed_change(who, here, 1)
        for given in {name, full}:
            assert await opens(who, given) == here
        assert (await shown(who, here))["external_id"] == full
        assert await do(who, "message:send", here, client_msg_id="1", text="1") == "accepted"


async def test_invisible_name_is_refused_only_after_the_log_is_read(tmp_path: Path) -> None:
    async with one_behind(tmp_path) as (found, tail, _, behind):
        ann = await Person(behind, "ann").come()
        prove, proving = tail.prove, asyncio.Event()

        async def noted(conversation_id: str | None) -> None:
            proving.set()
            await prove(conversation_id)

        tail.prove, tail.held = noted, []  # type: ignore[method-assign]
        here = await begun_before(found, "@ann/ ", "ann")
        opening = asyncio.create_task(opens(ann, "@ann/ "))
        await asyncio.wait_for(proving.wait(), 5)
        assert not opening.done()
        tail.let_go()
        assert await opening == here
