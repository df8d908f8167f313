"""Checks of memberships: how users who left return, and that nobody acts on a user of the same or a higher role."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final

from core.domain.member import MAX_LEAVES
from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Failed, Frame, Line
from edge.tools.conformance.stage import NOWHERE, becomes, conflicts
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World
from schemas.bounds import TEXT_CHARS

RACES: Final = 5
"""Repetitions of a check whose outcome depends on timing."""


async def _texts(line: Line, room: str) -> list[str]:
    """Return the texts that a user reads of a conversation."""
    found = await line.done("message:history", {"conversation_id": room, "limit": 100})
    return [one["text"] for one in found["messages"]]


async def _roles(line: Line, room: str) -> dict[str, str]:
    """Return the role of each member."""
    people = (await line.done("conversation:get", {"conversation_id": room}))["participants"]
    return {one["user_id"]: one["role"] for one in people if one["present"]}


async def _leaves(line: Line, room: str, *others: Line) -> None:
    """Leave, say so again as after a lost answer, and return when these others are notified."""
    await line.done("conversation:leave", {"conversation_id": room})
    await line.done("conversation:leave", {"conversation_id": room}, retry=True)
    for other in others:
        await other.push(
            "conversation:updated", conversation_id=room, change="participants-removed", participants=[line.user]
        )


async def brings_back_who_left(world: World) -> None:
    """A message to a user who left a direct conversation brings them back, with a new membership that begins with it;
    so does opening the conversation, whichever of the two left.
    """
    async with await world.line("ann") as ann, await world.line("bob", 1) as bob:
        with_bob, with_ann = ({"kind": "direct", "participants": [other.user]} for other in (bob, ann))
        room: str = (await ann.done("conversation:create", with_bob))["conversation_id"]
        await bob.push("message:new", **await say(ann, room, "1"))
        await _leaves(bob, room, ann)
        back = await say(ann, room, "2")
        await bob.push(
            "conversation:updated", conversation_id=room, change="participants-added", participants=[bob.user]
        )
        await bob.push("message:new", **back)
        await becomes(lambda: _texts(bob, room), ["1", "2"], "the history of a returned user")
        await _leaves(ann, room, bob)
        await _leaves(bob, room)
        refused = {"conversation_id": room, "client_msg_id": "k", "text": "x"}
        await bob.refused("message:send", refused, "not_a_participant")
        if (again := (await bob.done("conversation:create", with_ann))["conversation_id"]) != room:
            raise Failed(f"opening {room} again gives {again}")
        await becomes(lambda: _roles(ann, room), {ann.user: "member", bob.user: "member"}, "the list of members")
        await ann.push("message:new", **await say(bob, room, "3"))
        await becomes(lambda: _texts(ann, room), ["1", "2", "3"], "the history of a returned user")


async def brings_nobody_back_for_nothing(world: World) -> None:
    """A send or a forward that is refused, and a repeat of a send that was accepted before, do not bring back a user
    who left a direct conversation.
    """
    async with (
        await world.line("ann") as ann,
        await world.line("ann", 1) as other,
        await world.line("bob", 1) as bob,
    ):
        with_bob = {"kind": "direct", "participants": [bob.user]}
        room: str = (await ann.done("conversation:create", with_bob))["conversation_id"]
        said = await say(ann, room, "before")
        for line in (ann, other, bob):
            await line.push("message:new", **said)
        await _leaves(bob, room, ann, other)
        for kind, data, code in _refused_sends(ann, room):
            await ann.refused(kind, {"conversation_id": room, "client_msg_id": "k", **data}, code)
        repeat = {"conversation_id": room, "client_msg_id": "before", "text": "before"}
        await conflicts(ann, "message:send", {**repeat, "text": "after"})
        for line, retry in ((ann, False), (ann, True), (other, False), (other, True)):
            again = await line.done("message:send", repeat, retry=retry)
            if again["message_id"] != said["message_id"]:
                raise Failed(f"a repeat of {said['message_id']} is {again['message_id']}")
        await bob.quiet("conversation:updated", conversation_id=room, change="participants-added")
        for line, wanted in ((ann, {ann.user: "member"}), (bob, {})):
            if (found := await _roles(line, room)) != wanted:
                raise Failed(f"{line.user} sees the members {found}, not {wanted}")


def _refused_sends(line: Line, room: str) -> list[tuple[str, Frame, str]]:
    """Return sends and forwards that are refused, each with its error code."""
    limit = line.said[0]["data"]["limits"].get("text", TEXT_CHARS)
    return [
        ("message:send", {"text": " "}, "validation_failed"),
        ("message:send", {"text": None}, "validation_failed"),
        ("message:send", {"text": "x" * (limit + 1)}, "validation_failed"),
        ("message:send", {"text": "x", "metadata": {"number": 2**53 + 1}}, "validation_failed"),
        ("message:send", {"text": "x", "reply_to": NOWHERE}, "message_not_found"),
        ("message:forward", {"from_conversation_id": room, "message_id": NOWHERE}, "message_not_found"),
    ]


async def opens_what_everybody_left(world: World) -> None:
    """A group without members is opened again by a user who left it, who then owns it; not by a user who was removed or
    was never in it, and by nobody while it has members.
    """
    async with AsyncExitStack() as stack:
        ann, bob, cy, eve = [await stack.enter_async_context(await world.line(name)) for name in "abce"]
        named = {"external_id": f"@{ann.user}/left {world.run}"}
        room: str = (await ann.done("conversation:create", {**named, "participants": [bob.user, cy.user]}))[
            "conversation_id"
        ]
        for one in (bob, cy):
            await one.push("conversation:updated", conversation_id=room)
        await ann.done("conversation:remove-participants", {"conversation_id": room, "participants": [cy.user]})
        await _leaves(bob, room, ann)
        await bob.refused("conversation:create", named, "not_a_participant")
        await say(ann, room, "without bob")
        await _leaves(ann, room)
        for stranger in (cy, eve):
            await stranger.refused("conversation:create", named, "not_a_participant")
        await bob.done("conversation:create", named)
        await becomes(lambda: _roles(bob, room), {bob.user: "owner"}, "the list of members")
        await bob.push("message:new", **await say(bob, room, "with bob"))
        await becomes(lambda: _texts(bob, room), ["with bob"], "the history of a returned user")
        await ann.refused("conversation:create", named, "not_a_participant")


async def lets_one_alone_open_what_everybody_left(world: World) -> None:
    """When two users who left a group without members open it at once, both are answered, with `accepted` or
    `not_a_participant`, and one of them is in it, as its owner.
    """
    async with await world.line("ann") as ann, await world.line("bob", 1) as bob:
        for n in range(RACES):
            named = {"external_id": f"@{ann.user}/left {world.run} {n}"}
            created = await ann.done("conversation:create", {**named, "participants": [bob.user]})
            room: str = created["conversation_id"]
            await bob.push("conversation:updated", conversation_id=room)
            await _leaves(bob, room, ann)
            await _leaves(ann, room)
            await asyncio.gather(*(_opens_again(line, room, named) for line in (ann, bob)))
            await becomes(partial(_owners, room, ann, bob), 1, "the number of users who alone are in it")
            for line in (ann, bob):
                if (found := await _roles(line, room)) not in ({}, {line.user: "owner"}):
                    raise Failed(f"{line.user} opened a group that everybody left and sees the members {found}")


async def _opens_again(line: Line, room: str, named: Frame) -> None:
    """Open a group that everybody left. Raises `Failed` for another answer than the two that are right."""
    answer = await line.settled("conversation:create", named)
    if answer["type"] != "error":
        if (found := answer["data"]["conversation_id"]) != room:
            raise Failed(f"opening {room} again gives {found}")
    elif answer["error"]["code"] != "not_a_participant":
        raise Failed(f"opening a group that everybody left is refused with {answer['error']}")


async def _owners(room: str, *lines: Line) -> int:
    """Return how many of these users see themselves as the only member, and as the owner."""
    return sum([await _roles(line, room) == {line.user: "owner"} for line in lines])


async def keeps_ranks(world: World) -> None:
    """Nobody removes, sets the role of, or deletes messages of a user with the same or a higher role; only owners make
    owners and admins.
    """
    async with AsyncExitStack() as stack:
        ann, abe, bob, ben, cy = [
            await stack.enter_async_context(await world.line(name)) for name in ("ann", "abe", "bob", "ben", "cy")
        ]
        room = await world.room(ann, "abe", "bob", "ben", "cy")
        here = {"conversation_id": room}
        for role, people in (("owner", [abe]), ("admin", [bob, ben])):
            given = {**here, "participants": [one.user for one in people], "role": role}
            await ann.done("conversation:set-role", given)
        ranks = {ann.user: "owner", abe.user: "owner", bob.user: "admin", ben.user: "admin", cy.user: "member"}
        await becomes(lambda: _roles(ann, room), ranks, "the list of roles")
        said = {one.user: await say(one, room, one.user) for one in (ann, ben, cy)}
        for one in (bob, abe):
            for message in said.values():
                await one.push("message:new", **message)
        for actor, others in ((bob, (ann, ben)), (ann, (abe,)), (cy, (ann, bob))):
            for other in others:
                person = {**here, "participants": [other.user]}
                await actor.refused("conversation:remove-participants", person, "not_allowed")
                await actor.refused("conversation:set-role", {**person, "role": "member"}, "not_allowed")
        stranger = {**here, "participants": [world.user("dee")], "role": "admin"}
        await bob.refused("conversation:add-participants", stranger, "not_allowed")
        for actor, author in ((bob, ann), (bob, ben), (abe, ann)):
            await actor.refused("message:delete", said[author.user], "not_the_author")
        await bob.done("message:delete", said[cy.user])
        await bob.done("conversation:remove-participants", {**here, "participants": [cy.user]})
        await abe.done("conversation:set-role", {**here, "participants": [abe.user], "role": "member"})
        await becomes(
            lambda: _roles(ann, room),
            {ann.user: "owner", abe.user: "member", bob.user: "admin", ben.user: "admin"},
            "the list of roles",
        )


async def lets_people_stay_out(world: World) -> None:
    """A user who left a group themselves is added again only by owners, and after leaving five times by nobody."""
    async with await world.line("ann") as ann, await world.line("ben") as ben, await world.line("cy", 1) as cy:
        room = await world.room(ann, "ben", "cy")
        cys = {"conversation_id": room, "participants": [cy.user]}
        await ann.done("conversation:set-role", {**cys, "participants": [ben.user], "role": "admin"})
        await ben.push("conversation:updated", conversation_id=room, change="roles-changed")
        for n in range(MAX_LEAVES):
            if n:
                await ann.done("conversation:add-participants", cys)
            await becomes(lambda: _in(ann, cy, room), True, "the membership of an added user")
            await cy.done("conversation:leave", {"conversation_id": room})
            await becomes(lambda: _in(ann, cy, room), False, "the membership of a user who left")
            await ben.refused("conversation:add-participants", cys, "not_allowed")
        await ann.refused("conversation:add-participants", cys, "not_allowed")


async def _in(line: Line, who: Line, room: str) -> bool:
    return who.user in await _roles(line, room)


async def shows_what_was_said_before(world: World) -> None:
    """With the history setting `all`, which an owner sets and of which all are notified, a user added later reads
    earlier messages, and as an owner may delete them; without it they do not.
    """
    async with await world.line("ann") as ann, await world.line("bob") as bob, await world.line("cy", 1) as cy:
        room = await world.room(ann, "bob")
        here = {"conversation_id": room}
        await bob.push("conversation:updated", **here)
        before = await say(bob, room, "before")
        for one in (ann, bob):
            await one.push("message:new", **before)
        await ann.done("conversation:add-participants", {**here, "participants": [cy.user], "role": "owner"})
        shut = await cy.push("conversation:updated", **here, change="participants-added")
        await becomes(lambda: _texts(cy, room), [], "the history of a user added later")
        for command in ("message:get", "message:delete", "message:pin"):
            await cy.refused(command, before, "message_not_found")
        await bob.refused("conversation:update", {**here, "history": "all"}, "not_allowed")
        await ann.done("conversation:update", {**here, "history": "all"})
        for one in (ann, bob, cy):
            await one.push("conversation:updated", **here, change="changed", history="all", from_seq=1)
        await becomes(lambda: _texts(cy, room), [], "the history of a member from before the setting")
        await cy.done("conversation:leave", here)
        await ann.done("conversation:add-participants", {**here, "participants": [cy.user], "role": "admin"})
        opened = await cy.push("conversation:updated", **here, change="participants-added", from_seq=1)
        if (shut["data"]["from_seq"], opened["data"]["at_seq"]) != (2, 1):
            raise Failed(f"an added user receives {shut['data']}, and then {opened['data']}")
        await becomes(lambda: _texts(cy, room), ["before"], "the history of a user added later")


async def is_with_oneself(world: World) -> None:
    """A direct conversation with oneself is allowed: each session of the user receives its messages, none is unread."""
    async with await world.line("ann") as ann, await world.line("ann", 1) as other:
        asked = {"kind": "direct", "participants": [ann.user]}
        room: str = (await ann.done("conversation:create", asked))["conversation_id"]
        note = await say(ann, room, "milk")
        for line in (ann, other):
            await line.push("message:new", **note)

        async def shown() -> Any:
            found = await ann.done("conversation:get", {"conversation_id": room})
            return [one["user_id"] for one in found["participants"]], found["unread"], found["seq"]

        await becomes(shown, ([ann.user], 0, 1), "the members, the unread count, and the seq")


CHECKS: Final[tuple[Check, ...]] = (
    brings_back_who_left,
    brings_nobody_back_for_nothing,
    opens_what_everybody_left,
    lets_one_alone_open_what_everybody_left,
    keeps_ranks,
    lets_people_stay_out,
    shows_what_was_said_before,
    is_with_oneself,
)
