"""Checks of the thread summary that a root message has."""

from typing import Any, Final

from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Line
from edge.tools.conformance.stage import becomes
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World


async def counts_answers(world: World) -> None:
    """The root of a thread has the count of its answers, deleted ones too, in every query that returns it; for a user
    who has left, answers since then do not count.
    """
    async with await world.line("ann") as ann, await world.line("bob", 1) as bob:
        room = await world.room(ann, "bob")
        here = {"conversation_id": room}
        root = await say(ann, room, "root")
        first = await say(ann, room, "first", reply_to=root["message_id"])
        await say(ann, room, "elsewhere")
        second = await say(ann, room, "second", reply_to=first["message_id"])
        for said in (root, second):
            await bob.push("message:new", **said)

        async def found(line: Line) -> Any:
            history = (await line.done("message:history", here))["messages"]
            by_itself = (await line.done("message:get", root))["message"]
            began = (await line.done("message:thread", root))["root"]
            return [one.get("thread") for one in (history[0], by_itself, began)]

        wanted = [{"count": 2, "last_seq": 4}] * 3
        await becomes(lambda: found(bob), wanted, "the summary of a thread with two answers")
        await ann.done("message:delete", second)
        await bob.push("message:deleted", **second)
        await becomes(lambda: found(bob), wanted, "the summary of a thread with a deleted answer")
        await bob.done("conversation:leave", here)
        await bob.push("conversation:updated", change="participants-removed")
        await say(ann, room, "third", reply_to=root["message_id"])
        await becomes(
            lambda: found(ann), [{"count": 3, "last_seq": 5}] * 3, "the summary of a thread with three answers"
        )
        await becomes(lambda: found(bob), [None] * 3, "the summary of a thread, to a user who left before a new answer")


CHECKS: Final[tuple[Check, ...]] = (counts_answers,)
