"""Checks of external ids: those of each user and those of applications are separate namespaces."""

from contextlib import AsyncExitStack
from typing import Final

from edge.tools.conformance.line import Failed, Line
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World


async def keeps_names_apart(world: World) -> None:
    """A name that a user gives belongs to this user alone, is shown with the user before it, and does not take a name
    from an application; a member of an application's conversation opens it by its name.
    """
    async with AsyncExitStack() as stack:
        name = f"order {world.run}"
        ann, bob = [await stack.enter_async_context(await world.line(who)) for who in ("ann", "bob")]
        app = await stack.enter_async_context(await world.line("app", 1, names=[f"order {world.run}"]))
        opened = [await _opens(line, name) for line in (ann, bob, app, ann)]
        if len(set(opened)) != 3 or opened[0] != opened[3]:
            raise Failed(f"ann, bob, an application and ann again open {name!r} and have {opened}")
        shown = [await _name(line, room) for line, room in zip((ann, bob, app), opened, strict=False)]
        if shown != [f"@{ann.user}/{name}", f"@{bob.user}/{name}", name]:
            raise Failed(f"they are shown as {shown}")
        invited = {"conversation_id": opened[2], "participants": [ann.user]}
        await app.done("conversation:add-participants", invited)
        await ann.push("conversation:updated", conversation_id=opened[2])
        for asked, room in ((name, opened[2]), (shown[0], opened[0])):
            if (found := await _opens(ann, asked)) != room:
                raise Failed(f"a member of {room} opens {asked!r} and has {found}")


async def _opens(line: Line, name: str) -> str:
    room: str = (await line.done("conversation:create", {"external_id": name}))["conversation_id"]
    return room


async def _name(line: Line, room: str) -> str:
    name: str = (await line.done("conversation:get", {"conversation_id": room}))["external_id"]
    return name


CHECKS: Final[tuple[Check, ...]] = (keeps_names_apart,)
