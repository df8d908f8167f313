"""Checks of a user's list of conversations: archiving, what unarchives a conversation, and the order of pins."""

from typing import Any, Final

from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Frame, Line
from edge.tools.conformance.stage import becomes
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World


async def _archived(line: Line, room: str, *, wanted: bool, when: str) -> None:
    """Check that the conversation is listed, counted and marked as archived or not, as wanted."""

    async def found() -> Any:
        lists = []
        for archived in (True, False):
            page: Any = await line.done("conversation:list", {"archived": archived, "totals": True, "limit": 200})
            inboxes = {one["conversation_id"]: one["inbox"]["archived"] for one in page["conversations"]}
            lists.append((inboxes.get(room), page["totals"]["conversations"]))
        return lists

    there = [(True, 1), (None, 0)] if wanted else [(None, 0), (False, 1)]
    await becomes(found, there, f"among the archived and the others, {when}, the conversation and their number")


async def brings_back_what_was_put_away(world: World) -> None:
    """A user's own message in a conversation that they archived unarchives it, and so does a message of others, unless
    it is muted or archived with `keep_archived`; earlier messages do not.
    """
    async with await world.line("ann", 1) as ann, await world.line("bob") as bob:
        room = await world.room(ann, "bob")
        here = {"conversation_id": room}
        await bob.push("conversation:updated", **here)
        tries: tuple[tuple[bool, Frame, bool], ...] = (
            (True, {}, False),
            (True, {"keep_archived": True}, False),
            (False, {}, False),
            (False, {"keep_archived": True}, True),
        )
        for n, (own, asked, stays) in enumerate(tries):
            await say(bob, room, f"before {n}")
            await bob.done("conversation:archive", {**here, **asked})
            await _archived(bob, room, wanted=True, when=f"archived with {asked}")
            said = await say(bob if own else ann, room, f"after {n}")
            await bob.push("message:new", **said)
            await _archived(
                bob, room, wanted=stays, when=f"archived with {asked}, after {'an own' if own else 'another'} message"
            )
        await bob.done("conversation:mute", here)
        await bob.done("conversation:archive", here)
        await bob.push("message:new", **await say(ann, room, "muted"))
        await _archived(bob, room, wanted=True, when="muted, after a message of others")
        await bob.done("conversation:unmute", here)
        await _archived(bob, room, wanted=False, when="unmuted, after a message of others")


async def lists_what_is_pinned_first(world: World) -> None:
    """`conversation:list` begins with pinned conversations, the last pinned first, whatever is sent where; all sessions
    of the user are notified of it.
    """
    async with await world.line("ann") as ann, await world.line("ann", 1) as other:
        rooms = [await world.room(ann) for _ in range(4)]
        for room in rooms:
            await say(ann, room, "hello")

        async def listed() -> Any:
            found, after = list[str](), None
            while True:
                page: Any = await ann.done("conversation:list", {"limit": 1, "after": after})
                found += [one["conversation_id"] for one in page["conversations"]]
                if (after := page["after"]) is None:
                    return found

        for room in (rooms[1], rooms[0], rooms[1]):
            await ann.done("conversation:pin", {"conversation_id": room})
        await becomes(listed, [rooms[0], rooms[1], rooms[3], rooms[2]], "the list where two are pinned")
        for room, pin in ((rooms[1], 1), (rooms[0], 2)):
            await other.push("inbox:changed", conversation_id=room, pinned=pin)
        await say(ann, rooms[1], "again")
        await say(ann, rooms[2], "again")
        await becomes(listed, [rooms[0], rooms[1], rooms[2], rooms[3]], "the list after new messages")
        await ann.done("conversation:unpin", {"conversation_id": rooms[0]})
        await becomes(listed, [rooms[1], rooms[2], rooms[3], rooms[0]], "the list after one was unpinned")


CHECKS: Final[tuple[Check, ...]] = (brings_back_what_was_put_away, lists_what_is_pinned_first)
