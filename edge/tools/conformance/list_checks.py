"""Checks of lists: they are answered in pages, none too large, and nothing is left out."""

from typing import Any, Final

from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Failed, Frame, Line
from edge.tools.conformance.stage import becomes
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World


async def _people(line: Line, here: Frame) -> list[str]:
    """Return all users who were ever in a conversation, in pages of two."""
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
    """`conversation:get` returns its participants in pages, in the order in which they joined, each once; a user who
    joins meanwhile is at the end.
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
            raise Failed(f"after a join there are in pages {now}, before it {found}")


async def _listed(line: Line, limit: int = 200, **asked: Any) -> list[Any]:
    """Return the list of a user's conversations, in pages."""
    found: list[Any] = []
    after = None
    while True:
        page: Any = await line.done("conversation:list", {**asked, "limit": limit, "after": after})
        if len(page["conversations"]) > limit:
            raise Failed(f"a page of {limit} has {len(page['conversations'])} conversations")
        found += page["conversations"]
        if (after := page["after"]) is None:
            return found


def _ids(listed: list[Any]) -> list[str]:
    return [one["conversation_id"] for one in listed]


async def lists_by_activity(world: World) -> None:
    """`conversation:list` begins with the conversation of the newest message, for its sender at once; a user who pages
    through it misses none, and one that moved appears again.
    """
    async with await world.line("ann") as ann, await world.line("bob", 1) as bob:
        rooms = [await world.room(ann, "bob") for _ in range(4)]
        for room in rooms:
            said = await say(ann, room, "hello")
            if (top := _ids(await _listed(ann))[0]) != room:
                raise Failed(f"the newest message is in {room}, and {top} is the first of the list")
            await bob.push("message:new", **said)
        wanted = rooms[::-1]
        if (found := _ids(await _listed(bob, limit=2))) != wanted:
            raise Failed(f"by activity they are {wanted}, in pages of two {found}")
        first: Any = await bob.done("conversation:list", {"limit": 2})
        await bob.push("message:new", **await say(ann, rooms[0], "again"))
        rest: Any = await bob.done("conversation:list", {"limit": 200, "after": first["after"]})
        if {*rooms} - {*_ids(first["conversations"]), *_ids(rest["conversations"])}:
            raise Failed("a conversation that moved during paging is in no page")


async def lists_what_a_list_shows(world: World) -> None:
    """A list names the other member of a direct conversation and, with `totals`, the numbers of conversations and of
    unread messages; one that the user left is only in the list with `present` false.
    """
    async with await world.line("ann") as ann, await world.line("bob", 1) as bob:
        asked = {"kind": "direct", "participants": [bob.user]}
        direct: str = (await ann.done("conversation:create", asked))["conversation_id"]
        group = await world.room(ann, "bob")
        for room in (direct, group):
            await bob.push("message:new", **await say(ann, room, f"@{bob.user}"))
        others = {one["conversation_id"]: one["other"] for one in await _listed(bob)}
        if others != {direct: ann.user, group: None}:
            raise Failed(f"the others of a direct and a group are {others}")

        async def totals() -> Any:
            return (await bob.done("conversation:list", {"totals": True, "limit": 1}))["totals"]

        await becomes(totals, _totals(2), "the totals of two conversations with a message each")
        await bob.done("conversation:leave", {"conversation_id": group})
        await becomes(totals, _totals(1), "the totals after one of two was left")
        for present, wanted in ((True, [direct]), (False, [group])):
            if (found := _ids(await _listed(bob, present=present))) != wanted:
                raise Failed(f"with present {present} there are {found}, not {wanted}")


def _totals(count: int) -> Frame:
    return {"conversations": count, "unread": count, "unread_conversations": count, "mentions": count}


CHECKS: Final[tuple[Check, ...]] = (pages_who_is_in_it, lists_by_activity, lists_what_a_list_shows)
