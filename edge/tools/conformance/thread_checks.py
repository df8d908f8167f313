"""Threads: what the message that began one says of it."""

from typing import Any, Final

from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Line
from edge.tools.conformance.stage import becomes
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World


async def counts_answers(world: World) -> None:
    """The message that began a thread says how many answers it has, deleted ones too, wherever it is answered with; who
    has left is not told how many came since.
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
        await becomes(lambda: found(bob), wanted, "what is said of a thread with two answers")
        await ann.done("message:delete", second)
        await bob.push("message:deleted", **second)
        await becomes(lambda: found(bob), wanted, "what is said of a thread with an answer that was deleted")
        await bob.done("conversation:leave", here)
        await bob.push("conversation:updated", change="participants-removed")
        await say(ann, room, "third", reply_to=root["message_id"])
        await becomes(lambda: found(ann), [{"count": 3, "last_seq": 5}] * 3, "what is said of a thread with three")
        await becomes(lambda: found(bob), [None] * 3, "what is said of a thread that went on to who left before")


CHECKS: Final[tuple[Check, ...]] = (counts_answers,)
