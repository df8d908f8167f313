"""Checks of concurrent reads: a node may delay them, and answers each."""

from typing import Final

from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Failed, Frame
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World

ROUNDS: Final = 4


async def answers_reads_asked_together(world: World) -> None:
    """Reads that are sent all at once on one line, several syncs among them, are each answered, and so is a command
    after them.
    """
    async with await world.line("ann") as ann:
        room = await world.room(ann)
        await say(ann, room, "hello")
        here = {"conversation_id": room}
        asked: list[tuple[str, Frame]] = [
            ("sync", {"positions": {}, "user": 0}),
            ("message:history", here),
            ("conversation:get", here),
        ]
        begun = [(kind, await ann.begin(kind, data)) for _ in range(ROUNDS) for kind, data in asked]
        await say(ann, room, "behind them")
        for kind, frame_id in begun:
            answer = await ann.answer(frame_id)
            if answer["type"] == "error" and not answer["error"]["retry"]:
                raise Failed(f"{kind} among others is refused with {answer['error']['code']}")


CHECKS: Final[tuple[Check, ...]] = (answers_reads_asked_together,)
