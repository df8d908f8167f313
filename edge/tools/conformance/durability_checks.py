"""Checks that acknowledged messages precede later changes of membership, and appear in every later answer."""

from typing import Any, Final

from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Failed, Frame, Line
from edge.tools.conformance.stage import NOWHERE
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World

ATTEMPTS: Final = 10
"""Number of attempts: the checks depend on timing."""


async def _texts(line: Line, room: str) -> list[str]:
    """Return the texts that a user reads of a conversation."""
    found = await line.done("message:history", {"conversation_id": room, "limit": 100})
    return [one["text"] for one in found["messages"]]


async def sets_edges_behind_what_was_said(world: World) -> None:
    """An added user reads no message that was acknowledged to the adder before; a user who is removed, or leaves, still
    reads all messages acknowledged before.
    """
    async with await world.line("ann") as ann, await world.line("cy", 1) as cy:
        room, theirs = await world.room(ann), list[str]()
        for n in range(ATTEMPTS):
            people: dict[str, Any] = {"conversation_id": room, "participants": [cy.user]}
            await say(ann, room, f"before {n}")
            await ann.done("conversation:add-participants", people)
            if (found := await _texts(cy, room)) != theirs:
                raise Failed(f"a user added after message {2 * n + 1} reads {found}, not {theirs}")
            theirs.append(f"then {n}")
            if n % 2:
                await say(cy, room, theirs[-1])
                await cy.done("conversation:leave", {"conversation_id": room})
            else:
                await say(ann, room, theirs[-1])
                await ann.done("conversation:remove-participants", people)
            if (found := await _texts(cy, room)) != theirs:
                raise Failed(f"a member up to message {2 * n + 2} reads {found}, not {theirs}")


async def answers_with_what_was_acknowledged(world: World) -> None:
    """What was acknowledged to a session is in every later answer to it: in its lists, conversations and history."""
    async with await world.line("ann") as ann:
        for n in range(ATTEMPTS):
            room = await world.room(ann)
            here = {"conversation_id": room}
            await ann.done("conversation:update", {**here, "title": f"title {n}"})
            if (title := (await ann.done("conversation:get", here))["title"]) != f"title {n}":
                raise Failed(f"a conversation that was called title {n} is shown as {title}")
            said = await say(ann, room, f"words {n}")
            if (found := await _texts(ann, room)) != [f"words {n}"]:
                raise Failed(f"the history after a send is {found}")
            await ann.done("message:hide", said)
            if found := await _texts(ann, room):
                raise Failed(f"the history after a hide is {found}")
            await ann.done("conversation:archive", here)
            listed = (await ann.done("conversation:list", {"archived": True, "limit": 200}))["conversations"]
            if room not in [one["conversation_id"] for one in listed]:
                raise Failed(f"a conversation that was archived is not among the {len(listed)} archived ones")
            await ann.done("conversation:unarchive", here)


def _commands_about(message_id: str) -> list[tuple[str, Frame]]:
    """Return all commands about a message, each with its data."""
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
    """Commands about a message from before a member joined, deleted or not, are answered as if it never existed."""
    async with await world.line("ann") as ann, await world.line("cy", 1) as cy:
        room = await world.room(ann)
        here = {"conversation_id": room}
        there = [await say(ann, room, "secret"), await say(ann, room, "withdrawn")]
        await ann.done("message:delete", there[1])
        await ann.push("message:deleted", **there[1])
        await ann.done("conversation:add-participants", {**here, "participants": [cy.user]})
        await cy.push("conversation:updated", **here)
        for said in there:
            for (kind, asked), (_, of_none) in zip(
                _commands_about(said["message_id"]), _commands_about(NOWHERE), strict=True
            ):
                shown, wanted = [(await cy.ask(kind, {**here, **data})) for data in (asked, of_none)]
                problems = [
                    str(frame.get("error")).replace(each, "…")
                    for frame, each in ((shown, said["message_id"]), (wanted, NOWHERE))
                ]
                if shown["type"] != "error" or problems[0] != problems[1]:
                    raise Failed(f"{kind} of a message from before the join is answered by {shown}, of none {wanted}")


CHECKS: Final[tuple[Check, ...]] = (
    sets_edges_behind_what_was_said,
    answers_with_what_was_acknowledged,
    conceals_what_is_not_ones_own_to_read,
)
