"""Goes on with a kept system: what was answered holds still, and what comes next is numbered behind it."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from tests.data.kept.questions import TENANTS, USERS, Answered, Node, pushes_since
from tests.data.kept.talk import ORDER, TEXTS, Lines, Room
from tests.e2e.line import Frame, Line

NEW = {"sent": 2, "edited": 1, "deleted": 1, "reaction": 1, "conversation": 2}
"""How many rows `say_more` adds to each lane of the order."""
BEFORE_THEIR_STAY = {"eve": ("edited", "reaction")}
"""Lanes of which a member gets nothing, since it is about a message from before they came."""
MEMBERS = ("ann", "bob", "cy", "eve")


async def assert_answers(node: Node, kept: Sequence[Answered]) -> None:
    """Ask every question again: each is answered as it was."""
    for tenant in TENANTS:
        for user in USERS:
            async with node.line(tenant, user) as line:
                for one in kept:
                    if (one.tenant, one.user) == (tenant, user):
                        before = len(line.said)
                        assert await line.done(one.type, one.data) == one.answer, one
                        assert by_lane(pushes_since(line, before)) == by_lane(one.pushes), one


async def say_more(node: Node, kept: Sequence[Answered]) -> None:
    """Change what was said and say more in each tenant: every member gets it live, and by a sync from where they stood
    in the kept system.
    """
    for tenant in TENANTS:
        synced = {one.user: one.answer for one in kept if one.tenant == tenant and one.type == "sync"}
        async with AsyncExitStack() as stack:
            lines = {user: await stack.enter_async_context(node.line(tenant, user)) for user in USERS}
            order = await _go_on(lines, first_message(kept, tenant))
            stood = {user: synced[user]["positions"][order.id] for user in MEMBERS}
            expected = {user: numbers_after(stood[user], user) for user in MEMBERS}
            for user in MEMBERS:
                await lines[user].until(lambda: numbers(lines[user], order.id) == expected[user])  # noqa: B023
        for user in MEMBERS:
            async with node.line(tenant, user) as line:
                answer = await line.done("sync", {"positions": synced[user]["positions"], "user": synced[user]["user"]})
                assert (answer["complete"], answer["reset"]) == (True, [])
                assert numbers(line, order.id) == expected[user]


async def _go_on(lines: Lines, first: Frame) -> Room:
    ann, bob, cy = lines["ann"], lines["bob"], lines["cy"]
    order = await Room.opened(ann, external_id=ORDER)
    assert order.id == first["conversation_id"]
    assert await order.say(ann, "ключ 0", TEXTS[0]) == first["message_id"]  # a repeat, after all this time
    refused = {"conversation_id": order.id, "client_msg_id": "ключ 0", "text": "another text"}
    assert (await ann.ask("message:send", refused))["error"]["code"] == "idempotency_conflict"
    answer = await order.say(bob, "new", "a new answer for @cy", reply_to=first["message_id"])
    withdrawn = await order.say(cy, "new and withdrawn", "not for long")
    await order.do(cy, "message:delete", message_id=withdrawn)
    await order.do(ann, "message:edit", message_id=first["message_id"], text="edited by another version, lychee")
    await order.do(cy, "reaction:add", message_id=first["message_id"], emoji="🎉")
    await order.do(bob, "message:pin", message_id=answer)
    await order.do(ann, "conversation:update", title="4711, delivered")
    thread = await order.do(cy, "message:thread", message_id=answer)
    assert [message["message_id"] for message in thread["messages"]] == [answer]
    assert (thread["root"]["text"], thread["root"]["edited"]) == ("edited by another version, lychee", True)
    return order


def first_message(kept: Sequence[Answered], tenant: str) -> Frame:
    """Return the first message of the order, which ann said."""
    found: Frame = next(
        message
        for one in kept
        if (one.tenant, one.user, one.type) == (tenant, "ann", "message:history")
        for message in one.answer["messages"]
        if message["text"] == TEXTS[0]
    )
    return found


def by_lane(pushes: Sequence[Frame]) -> dict[tuple[str, str], list[Frame]]:
    """Return the pushes of each lane of each conversation, in their order."""
    found: dict[tuple[str, str], list[Frame]] = {}
    for push in pushes:
        found.setdefault((push["data"]["conversation_id"], push["lane"]), []).append(push)
    return found


def numbers(line: Line, room: str) -> dict[str, list[int]]:
    """Return the numbers that came in each lane of a conversation, without the user's own lane."""
    return {
        lane: [push["n"] for push in pushes]
        for (conversation, lane), pushes in by_lane(pushes_since(line, 0)).items()
        if conversation == room and lane in NEW
    }


def numbers_after(positions: Mapping[str, int], user: str) -> dict[str, list[int]]:
    """Return the numbers that `say_more` adds behind these positions, as far as this member gets them."""
    return {
        lane: list(range(positions[lane] + 1, positions[lane] + 1 + count))
        for lane, count in NEW.items()
        if lane not in BEFORE_THEIR_STAY.get(user, ())
    }
