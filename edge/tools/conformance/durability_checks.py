"""What was acknowledged stands: before the edge of a stay that is set later, and in every later answer."""

from typing import Any, Final

from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Failed, Frame, Line
from edge.tools.conformance.stage import NOWHERE
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World

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


def _asks(message_id: str) -> list[tuple[str, Frame]]:
    """What can be asked of a message."""
    about = {"message_id": message_id}
    return [
        ("message:get", about),
        ("message:thread", about),
        ("message:thread", {**about, "after": 1}),
        ("message:edit", {**about, "text": "other"}),
        ("message:delete", about),
        ("message:hide", about),
        ("message:pin", about),
        ("message:read", {"seq": 1, "thread": message_id}),
        ("reaction:add", {**about, "emoji": "👍"}),
        ("reaction:remove", {**about, "emoji": "👍"}),
    ]


async def conceals_what_is_not_ones_own_to_read(world: World) -> None:
    """Of a message from before one came, deleted or not, a member learns no more than of one that there never was."""
    async with await world.line("ann") as ann, await world.line("cy", 1) as cy:
        room = await world.room(ann)
        here = {"conversation_id": room}
        there = [await say(ann, room, "secret"), await say(ann, room, "withdrawn")]
        await ann.done("message:delete", there[1])
        await ann.push("message:deleted", **there[1])
        await ann.done("conversation:add-participants", {**here, "participants": [cy.user]})
        await cy.push("conversation:updated", **here)
        for said in there:
            for (kind, asked), (_, of_none) in zip(_asks(said["message_id"]), _asks(NOWHERE), strict=True):
                shown, wanted = [(await cy.ask(kind, {**here, **data})) for data in (asked, of_none)]
                problems = [
                    str(frame.get("error")).replace(each, "…")
                    for frame, each in ((shown, said["message_id"]), (wanted, NOWHERE))
                ]
                if shown["type"] != "error" or problems[0] != problems[1]:
                    raise Failed(f"{kind} of a message from before one came is answered by {shown}, of none {wanted}")


CHECKS: Final[tuple[Check, ...]] = (
    sets_edges_behind_what_was_said,
    answers_with_what_was_acknowledged,
    conceals_what_is_not_ones_own_to_read,
)
