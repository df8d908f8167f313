"""Checks of read and delivered cursors: they are pushed when they move, and answered to members who ask."""

from collections.abc import Callable
from typing import Any, Final

from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Failed, Line
from edge.tools.conformance.stage import becomes, pushed_cursor
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World
from schemas.wire.frames import CURSORS

DISTANCE: Final = 101
"""Number of messages between a sender's message and the cursors of the others."""


def _cursors_of(line: Line, room: str, user: str) -> Callable[[], Any]:
    """Return a call that returns a user's read and delivered cursors, by `conversation:get`."""

    async def look() -> tuple[int | None, int | None]:
        people = (await line.done("conversation:get", {"conversation_id": room}))["participants"]
        (found,) = [one for one in people if one["user_id"] == user]
        return found["read_seq"], found["delivered_seq"]

    return look


async def tells_who_got_and_read_it(world: World) -> None:
    """Members of a conversation are pushed the cursors of the others, delivered and read, but no private reads."""
    async with await world.line("ann") as ann, await world.line("bob") as bob:
        room = await world.room(ann, "bob")
        here = {"conversation_id": room}
        for text in ("one", "two", "three"):
            await bob.push("message:new", **await say(ann, room, text))
        await bob.done("message:delivered", {**here, "seq": 3, "device": "phone"})
        await pushed_cursor(ann, here, user_id=bob.user, read_seq=0, delivered_seq=3)
        await bob.done("message:read", {**here, "seq": 2})
        await pushed_cursor(ann, here, user_id=bob.user, read_seq=2, delivered_seq=3)
        await bob.done("message:read", {**here, "seq": 3, "private": True})
        await bob.push("inbox:changed", **here, read=3)
        await bob.push("message:new", **await say(ann, room, "four"))
        await bob.done("message:delivered", {**here, "seq": 4, "device": "phone"})
        await pushed_cursor(ann, here, user_id=bob.user, read_seq=2, delivered_seq=4)
        await becomes(_cursors_of(ann, room, bob.user), (2, 4), "bob's read and delivered cursors")
        await bob.quiet(CURSORS)
        for push in ann.pushes(CURSORS, **here):
            if [one for one in push["data"]["cursors"] if one["read_seq"] > 2]:
                raise Failed(f"a private read is pushed: {push}")


async def tells_it_however_much_was_said_since(world: World) -> None:
    """A sender learns who has read an old message, by the push and by asking."""
    async with await world.line("ann") as ann, await world.line("bob") as bob, await world.line("cy", 1) as cy:
        room = await world.room(ann, "bob", "cy")
        await cy.push("message:new", **await say(ann, room, "first"))
        for number in range(DISTANCE):
            last = await say(bob, room, str(number))
        await cy.push("message:new", **last)
        await cy.done("message:read", {"conversation_id": room, "seq": DISTANCE + 1})
        for line in (ann, bob):
            far = {"read_seq": DISTANCE + 1, "delivered_seq": DISTANCE + 1}
            await pushed_cursor(line, {"conversation_id": room}, user_id=cy.user, **far)
            await becomes(
                _cursors_of(line, room, cy.user), (DISTANCE + 1, DISTANCE + 1), "cy's read and delivered cursors"
            )


async def conceals_how_far_those_who_left_read(world: World) -> None:
    """A user who left receives no more cursors, and nobody sees theirs."""
    async with await world.line("ann") as ann, await world.line("bob") as bob, await world.line("cy", 1) as cy:
        room = await world.room(ann, "bob", "cy")
        here = {"conversation_id": room}
        for text in ("one", "two"):
            said = await say(ann, room, text)
            for line in (bob, cy):
                await line.push("message:new", **said)
        await cy.done("message:read", {**here, "seq": 1})
        await pushed_cursor(ann, here, user_id=cy.user, read_seq=1)
        await cy.done("conversation:leave", here)
        for line in (ann, bob, cy):
            await line.push("conversation:updated", **here, change="participants-removed")
        await cy.done("message:read", {**here, "seq": 2})
        await bob.done("message:read", {**here, "seq": 2})
        await pushed_cursor(ann, here, user_id=bob.user, read_seq=2)
        await becomes(_cursors_of(ann, room, cy.user), (None, None), "the cursors of cy, who left")
        await becomes(_cursors_of(cy, room, cy.user), (None, None), "the own cursors of cy, who left")
        cursors = [one for push in cy.pushes(CURSORS) for one in push["data"]["cursors"] if one["user_id"] == bob.user]
        if cursors:
            raise Failed(f"a user who left receives {cursors}")
        cursors = [one for push in ann.pushes(CURSORS) for one in push["data"]["cursors"] if one["user_id"] == cy.user]
        if [one for one in cursors if one["read_seq"] > 1]:
            raise Failed(f"cursors of a user who left are pushed: {cursors}")


CHECKS: Final[tuple[Check, ...]] = (
    tells_who_got_and_read_it,
    tells_it_however_much_was_said_since,
    conceals_how_far_those_who_left_read,
)
