"""What was acknowledged stands: before the edge of a stay that is set later, and in every later answer."""

from typing import Any, Final

from edge.conformance.commanding import say
from edge.conformance.line import Failed, Line
from edge.conformance.suite import Check
from edge.conformance.world import World

TIMES: Final = 10
"""So often it is tried: it is a matter of time."""


async def _texts(line: Line, room: str) -> list[str]:
    """What somebody reads of a conversation."""
    found = await line.done("message:history", {"conversation_id": room, "limit": 100})
    return [one["text"] for one in found["messages"]]


async def sets_edges_behind_what_was_said(world: World) -> None:
    """Who is let in reads nothing that whoever lets them in had acknowledged before, and who is shown out, or leaves,
    still reads all of it.
    """
    async with await world.line("ann") as ann, await world.line("cy", 1) as cy:
        room, theirs = await world.room(ann), list[str]()
        for n in range(TIMES):
            people: dict[str, Any] = {"conversation_id": room, "participants": [cy.user]}
            await say(ann, room, f"before {n}")
            await ann.done("conversation:add-participants", people)
            if (found := await _texts(cy, room)) != theirs:
                raise Failed(f"who was let in behind message {2 * n + 1} reads {found}, not {theirs}")
            theirs.append(f"then {n}")
            if n % 2:
                await say(cy, room, theirs[-1])
                await cy.done("conversation:leave", {"conversation_id": room})
            else:
                await say(ann, room, theirs[-1])
                await ann.done("conversation:remove-participants", people)
            if (found := await _texts(cy, room)) != theirs:
                raise Failed(f"who was in it up to message {2 * n + 2} reads {found}, not {theirs}")


async def answers_with_what_was_acknowledged(world: World) -> None:
    """What a session had acknowledged is in every later answer to it: in its lists, conversations and history."""
    async with await world.line("ann") as ann:
        for n in range(TIMES):
            room = await world.room(ann)
            here = {"conversation_id": room}
            await ann.done("conversation:update", {**here, "title": f"title {n}"})
            if (title := (await ann.done("conversation:get", here))["title"]) != f"title {n}":
                raise Failed(f"a conversation that was called title {n} is shown as {title}")
            said = await say(ann, room, f"words {n}")
            if (found := await _texts(ann, room)) != [f"words {n}"]:
                raise Failed(f"the history of what was said is {found}")
            await ann.done("message:hide", said)
            if found := await _texts(ann, room):
                raise Failed(f"the history of what was hidden is {found}")
            await ann.done("conversation:archive", here)
            listed = (await ann.done("conversation:list", {"archived": True, "limit": 200}))["conversations"]
            if room not in [one["conversation_id"] for one in listed]:
                raise Failed(f"a conversation that was archived is not among the {len(listed)} archived ones")
            await ann.done("conversation:unarchive", here)


CHECKS: Final[tuple[Check, ...]] = (sets_edges_behind_what_was_said, answers_with_what_was_acknowledged)
