"""Names of conversations: an application's are in common, a user's own are nobody else's."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from edge.socket.node import Node
from schemas import envelope, ids
from schemas.events import ConversationCreated
from schemas.names import own_name
from tests.edge.socket.asking import come, do, shown, told
from tests.edge.socket.test_stay_edges import one_behind
from tests.edge.socket.world import TENANT, Person, World, room
from tests.given import AT, CORRELATION


async def opens(who: Person, name: str, **more: Any) -> str:
    """The conversation that a name opens, or the code of the no."""
    answer = await who.ask("conversation:create", external_id=name, **more)
    return str(answer["data"]["conversation_id"] if answer["type"] == "ack" else answer["error"]["code"])


async def application(node: Node, *names: str) -> Person:
    return await Person(node, "app", names).come()


async def test_a_user_s_name_takes_none_from_an_application_nor_from_another(running: tuple[World, Node]) -> None:
    mal, bob = await come(running[1], "mal", "bob")
    app = await application(running[1], "order-")
    rooms = [await opens(who, "order-4711") for who in (mal, bob, app)]
    assert rooms == [ids.external_conversation_id(TENANT, f"{of}order-4711") for of in ("@mal/", "@bob/", "")]
    assert [await opens(who, "order-4711") for who in (mal, bob, app)] == rooms
    for who, where, name in zip((mal, bob, app), rooms, ("@mal/", "@bob/", ""), strict=True):
        await told(who, where, 1)
        assert (await shown(who, where))["external_id"] == f"{name}order-4711"


async def test_a_claim_is_of_the_names_that_begin_so(running: tuple[World, Node]) -> None:
    app = await application(running[1], "order-", "case-")
    every = await Person(running[1], "every", ("",)).come()
    assert await opens(app, "case-1") == ids.external_conversation_id(TENANT, "case-1")
    assert await opens(app, "lunch") == ids.external_conversation_id(TENANT, "@app/lunch")
    assert await opens(every, "lunch") == ids.external_conversation_id(TENANT, "lunch")
    assert await opens(every, "case-1") == "not_a_participant"


async def test_a_member_opens_an_application_s_conversation_by_its_name_whatever_is_their_own(
    running: tuple[World, Node],
) -> None:
    app = await application(running[1], "order-")
    ann, eve = await come(running[1], "ann", "eve")
    there = await opens(app, "order-1", participants=["ann"])
    await told(ann, there, 1)
    assert await opens(ann, "order-1") == there
    assert await opens(eve, "order-1") == ids.external_conversation_id(TENANT, "@eve/order-1")
    await do(app, "conversation:add-participants", there, participants=["eve"])
    assert await opens(eve, "order-1") == there
    assert await opens(eve, "@eve/order-1") == ids.external_conversation_id(TENANT, "@eve/order-1")
    await do(app, "conversation:remove-participants", there, participants=["eve"])
    await told(eve, there, 3)
    assert await opens(eve, "order-1") == "not_a_participant"


async def test_another_user_s_name_opens_what_one_is_in_and_tells_nobody_else_whether_it_is(
    running: tuple[World, Node],
) -> None:
    ann, bob, eve = await come(running[1], "ann", "bob", "eve")
    every = await application(running[1], "")
    there = await opens(ann, "lunch", participants=["bob"])
    await told(bob, there, 1)
    assert await opens(bob, "@ann/lunch") == there
    for stranger in (eve, every):
        names = [f"@ann/{name}" for name in ("lunch", "none")]
        assert [await opens(stranger, name) for name in names] == ["not_a_participant"] * 2
        details = {(await stranger.ask("conversation:create", external_id=name))["error"]["detail"] for name in names}
        assert len(details) == 1
    assert await opens(bob, "lunch") == ids.external_conversation_id(TENANT, "@bob/lunch")


async def test_a_direct_conversation_shows_no_name_of_an_application(running: tuple[World, Node]) -> None:
    ann, bob = await come(running[1], "ann", "bob")
    assert ann.visit is not None
    asked = {"kind": "direct", "external_id": "order-1", "participants": ["bob"]}
    await ann.node.receive(ann.visit, json.dumps({"id": "direct", "type": "conversation:create", "data": asked}))
    here = ids.direct_conversation_id(TENANT, "ann", "bob")
    await told(bob, here, 1)
    assert (await shown(bob, here))["external_id"] == "@ann/order-1"


async def test_a_name_is_as_long_as_it_may_be_and_no_longer(running: tuple[World, Node]) -> None:
    (long,) = await come(running[1], "l" * 128)
    here = await opens(long, "n" * 128)
    await told(long, here, 1)
    assert await opens(long, (await shown(long, here))["external_id"]) == here
    assert await opens(long, "n" * 129) == "validation_failed"


async def test_one_who_was_let_in_a_moment_ago_by_another_node_is_known(running: tuple[World, Node]) -> None:
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


async def test_an_id_without_a_name_stays_as_it_was(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    here = await room(ann, "bob")
    assert here == ids.keyed_conversation_id(TENANT, "ann", "room")


# Names in which nothing can be seen


async def begun_before(found: World, external_id: str, owner: str) -> str:
    """A conversation with this name, as the log has it from before names had to be seen."""
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
async def test_nothing_begins_under_a_name_in_which_nothing_can_be_seen(running: tuple[World, Node], name: str) -> None:
    (ann,) = await come(running[1], "ann")
    every = await application(running[1], "")
    no = ("validation_failed", [{"pointer": "/data/external_id", "code": "value"}])
    assert await code_of(ann, external_id=name) == no
    assert await code_of(ann, external_id=own_name("ann", name)) == no
    assert await code_of(every, external_id=name) == no
    assert (await code_of(every, external_id=own_name("ann", name)))[0] == "not_a_participant"
    assert (await ann.ask("conversation:list"))["data"]["conversations"] == []


@pytest.mark.parametrize("name", [" ", "\n", "\u200b\u2060"], ids=ascii)
async def test_a_conversation_of_before_is_opened_and_read_though_nothing_can_be_seen_in_its_name(
    running: tuple[World, Node], name: str
) -> None:
    found, node = running
    (ann,) = await come(node, "ann")
    every = await application(node, "")
    own, common = own_name("ann", name), name
    for who, full in ((ann, own), (every, common)):
        here = await begun_before(found, full, who.user)
        await told(who, here, 1)
        for given in {name, full}:
            assert await opens(who, given) == here
        assert (await shown(who, here))["external_id"] == full
        assert await do(who, "message:send", here, client_msg_id="1", text="1") == "accepted"


async def test_such_a_name_is_refused_only_once_it_is_sure_that_nothing_has_it(tmp_path: Path) -> None:
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
