"""Who is in a conversation and by whose will: who left comes back, and nobody acts on who stands higher."""

from contextlib import AsyncExitStack
from typing import Any, Final

from core.domain.member import LEAVES
from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Failed, Line
from edge.tools.conformance.stage import becomes
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World


async def _texts(line: Line, room: str) -> list[str]:
    """What somebody reads of a conversation."""
    found = await line.done("message:history", {"conversation_id": room, "limit": 100})
    return [one["text"] for one in found["messages"]]


async def _roles(line: Line, room: str) -> dict[str, str]:
    """Who is in it, as what."""
    people = (await line.done("conversation:get", {"conversation_id": room}))["participants"]
    return {one["user_id"]: one["role"] for one in people if one["present"]}


async def _leaves(line: Line, room: str, *told: Line) -> None:
    """Somebody leaves, and these know."""
    await line.done("conversation:leave", {"conversation_id": room})
    for other in told:
        await other.push(
            "conversation:updated", conversation_id=room, change="participants-removed", participants=[line.user]
        )


async def brings_back_who_left(world: World) -> None:
    """A message brings back who left a direct conversation, in a new stay that begins with it; and so does opening it,
    whoever of the two left.
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
        await becomes(lambda: _texts(bob, room), ["1", "2"], "what who is back reads")
        await _leaves(ann, room, bob)
        await _leaves(bob, room)
        refused = {"conversation_id": room, "client_msg_id": "k", "text": "x"}
        await bob.refused("message:send", refused, "not_a_participant")
        if (again := (await bob.done("conversation:create", with_ann))["conversation_id"]) != room:
            raise Failed(f"who opens {room} again has {again}")
        await becomes(lambda: _roles(ann, room), {ann.user: "member", bob.user: "member"}, "who is in it")
        await ann.push("message:new", **await say(bob, room, "3"))
        await becomes(lambda: _texts(ann, room), ["1", "2", "3"], "what who is back reads")


async def opens_what_everybody_left(world: World) -> None:
    """A group that nobody is in is opened again by who left it, who owns it then; not by who was removed or never in
    it, and by nobody while others are in it.
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
        await becomes(lambda: _roles(bob, room), {bob.user: "owner"}, "who is in it")
        await bob.push("message:new", **await say(bob, room, "with bob"))
        await becomes(lambda: _texts(bob, room), ["with bob"], "what who is back reads")
        await ann.refused("conversation:create", named, "not_a_participant")


async def keeps_ranks(world: World) -> None:
    """Nobody shows out, gives a role to, or deletes what was said by who stands as high or higher; only owners make
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
        await becomes(lambda: _roles(ann, room), ranks, "who is what")
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
            "who is what",
        )


async def lets_people_stay_out(world: World) -> None:
    """Who left a group by themselves is let in again by owners alone, and after five times by nobody."""
    async with await world.line("ann") as ann, await world.line("ben") as ben, await world.line("cy", 1) as cy:
        room = await world.room(ann, "ben", "cy")
        cys = {"conversation_id": room, "participants": [cy.user]}
        await ann.done("conversation:set-role", {**cys, "participants": [ben.user], "role": "admin"})
        await ben.push("conversation:updated", conversation_id=room, change="roles-changed")
        for n in range(LEAVES):
            if n:
                await ann.done("conversation:add-participants", cys)
            await becomes(lambda: _in(ann, cy, room), True, "that who is let in is in it")
            await cy.done("conversation:leave", {"conversation_id": room})
            await becomes(lambda: _in(ann, cy, room), False, "that who left is in it")
            await ben.refused("conversation:add-participants", cys, "not_allowed")
        await ann.refused("conversation:add-participants", cys, "not_allowed")


async def _in(line: Line, who: Line, room: str) -> bool:
    return who.user in await _roles(line, room)


async def shows_what_was_said_before(world: World) -> None:
    """Where an owner says so, and everybody is told, who is let in later reads what was said before, and may delete it
    as an owner; otherwise they do not.
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
        await becomes(lambda: _texts(cy, room), [], "what who came later reads")
        for command in ("message:get", "message:delete", "message:pin"):
            await cy.refused(command, before, "message_not_found")
        await bob.refused("conversation:update", {**here, "history": "all"}, "not_allowed")
        await ann.done("conversation:update", {**here, "history": "all"})
        for one in (ann, bob, cy):
            await one.push("conversation:updated", **here, change="changed", history="all", from_seq=1)
        await becomes(lambda: _texts(cy, room), [], "what who was in it before reads")
        await cy.done("conversation:leave", here)
        await ann.done("conversation:add-participants", {**here, "participants": [cy.user], "role": "admin"})
        opened = await cy.push("conversation:updated", **here, change="participants-added", from_seq=1)
        if (shut["data"]["from_seq"], opened["data"]["at_seq"]) != (2, 1):
            raise Failed(f"who came is told {shut['data']}, and then {opened['data']}")
        await becomes(lambda: _texts(cy, room), ["before"], "what who came later reads")


async def is_with_oneself(world: World) -> None:
    """A direct conversation with oneself takes notes: each session of one's own is told of them, and none is unread."""
    async with await world.line("ann") as ann, await world.line("ann", 1) as other:
        asked = {"kind": "direct", "participants": [ann.user]}
        room: str = (await ann.done("conversation:create", asked))["conversation_id"]
        note = await say(ann, room, "milk")
        for line in (ann, other):
            await line.push("message:new", **note)

        async def shown() -> Any:
            found = await ann.done("conversation:get", {"conversation_id": room})
            return [one["user_id"] for one in found["participants"]], found["unread"], found["seq"]

        await becomes(shown, ([ann.user], 0, 1), "who is in it, what is unread, and what was said")


CHECKS: Final[tuple[Check, ...]] = (
    brings_back_who_left,
    opens_what_everybody_left,
    keeps_ranks,
    lets_people_stay_out,
    shows_what_was_said_before,
    is_with_oneself,
)
