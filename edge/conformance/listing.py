"""Lists: whatever there is to tell comes in pages, each complete and none too large, and nothing is left out."""

from typing import Any, Final

from edge.conformance.line import Failed, Frame, Line
from edge.conformance.suite import Check
from edge.conformance.world import World


async def _people(line: Line, here: Frame) -> list[str]:
    """Who was ever in a conversation, in pages of two."""
    found: list[str] = []
    while True:
        page: Any = await line.done("conversation:get", {**here, "after": len(found), "limit": 2})
        people = [one["user_id"] for one in page["participants"]]
        found += people
        if len(people) > 2 or (page["more"] and not people):
            raise Failed(f"a page of two has {len(people)} participants")
        if not page["more"]:
            return found


async def pages_who_is_in_it(world: World) -> None:
    """`conversation:get` tells its participants in pages, in the order in which they came, each once; who comes while
    one pages stands at the end.
    """
    async with await world.line("ann") as ann:
        others = ["bob", "cy", "dee"]
        here = {"conversation_id": await world.room(ann, *others)}
        await ann.push("conversation:updated", **here)
        wanted = {ann.user, *map(world.user, others)}
        found = await _people(ann, here)
        if len(found) != len(wanted) or {*found} != wanted:
            raise Failed(f"in pages there are {found}, not {sorted(wanted)}")
        await ann.done("conversation:add-participants", {**here, "participants": [world.user("eve")]})
        if (now := await _people(ann, here)) != [*found, world.user("eve")]:
            raise Failed(f"somebody came, and in pages there are {now}, before them {found}")


CHECKS: Final[tuple[Check, ...]] = (pages_who_is_in_it,)
