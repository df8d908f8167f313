"""Checks of repeats, cut lines and positions: nothing is missed, doubled or undone, whatever happens to the line."""

import asyncio
from typing import Any, Final

from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Failed, Line
from edge.tools.conformance.stage import conflicts
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World


async def says_once_what_is_repeated(world: World) -> None:
    """The same send under the same key is one message, with one id, on any node and however often."""
    async with await world.line("ann") as ann, await world.line("ann", 1) as other:
        room = await world.room(ann)
        first = await say(ann, room, "k")
        await ann.push("message:new", **first)
        again = [await say(line, room, "k", retry=retry) for line in (ann, other) for retry in (False, True)]
        if again != [first] * 4:
            raise Failed(f"{first} is repeated as {again}")
        last = await say(ann, room, "another")
        await ann.push("message:new", **last)
        if ann.numbers("sent", room) != [1, 2]:
            raise Failed(f"the lane counts {ann.numbers('sent', room)}")


async def holds_to_the_first_body(world: World) -> None:
    """Another body under a used key is `idempotency_conflict`, as the answer or as a push; the first body is kept."""
    async with await world.line("ann") as ann, await world.line("ann", 1) as other:
        room = await world.room(ann)
        said = await say(ann, room, "k", "noodles")
        await ann.push("message:new", **said)
        data = {"conversation_id": room, "client_msg_id": "k", "text": "soup"}
        await conflicts(other, "message:send", data)
        found = (await ann.done("message:get", said))["message"]["text"]
        if found != "noodles":
            raise Failed(f"the message says {found}")


async def survives_a_cut(world: World) -> None:
    """A send whose answer was lost, repeated on another line, is stored once; so is each of many."""
    async with await world.line("bob", 1) as bob:
        room = await world.room(bob, "ann")
        async with await world.line("ann") as ann:
            await ann.push("hello")
            for n in range(20):
                await ann.begin("message:send", {"conversation_id": room, "client_msg_id": f"{n}", "text": f"{n}"})
        async with await world.line("ann", 1) as again:
            for n in range(20):
                data = {"conversation_id": room, "client_msg_id": f"{n}", "text": f"{n}"}
                await again.done("message:send", data, retry=True)
        await bob.until(lambda: len(bob.pushes("message:new")) >= 20 or None, "messages are missing")
        await bob.quiet("message:new", seq=21)
        found = [(push["n"], push["data"]["text"]) for push in bob.pushes("message:new")]
        if found != [(n + 1, f"{n}") for n in range(20)]:
            raise Failed(f"after the cut there is {found}")


async def lets_no_late_repeat_undo(world: World) -> None:
    """A late repeat of an old edit, under its old key, never undoes a newer one."""
    async with await world.line("ann") as ann, await world.line("ann", 1) as other:
        room = await world.room(ann)
        said = await say(ann, room, "k", "one")
        await ann.push("message:new", **said)
        for key, text in (("e1", "two"), ("e2", "three")):
            await ann.done("message:edit", {**said, "text": text, "client_key": key})
            await ann.push("message:edited", **said, text=text)
        await other.ask("message:edit", {**said, "text": "two", "client_key": "e1"}, retry=True)
        await ann.push("message:new", **await say(ann, room, "last"))
        found = (await ann.done("message:get", said))["message"]["text"]
        if found != "three":
            raise Failed(f"after a late repeat the message says {found}")


async def brings_what_was_missed(world: World) -> None:
    """`sync` sends exactly the rows beyond the positions, in every lane, and then the new positions."""
    async with await world.line("ann") as ann:
        async with await world.line("bob", 1) as bob:
            room = await world.room(ann, "bob")
            here = {"conversation_id": room}
            first = await say(ann, room, "1")
            await bob.push("message:new", **first)
            before = (await bob.done("sync", {"positions": {}}))["positions"]
        second = await say(ann, room, "2")
        await ann.done("message:edit", {**first, "text": "1!"})
        await ann.done("reaction:add", {**first, "emoji": "👍"})
        await ann.done("message:delete", second)
        await ann.done("conversation:update", {**here, "title": "new"})
        for kind in ("message:edited", "reaction:changed", "message:deleted"):
            await ann.push(kind, **here)
        await ann.push("conversation:updated", **here, change="changed")
        async with await world.line("bob") as bob:
            synced = await bob.done("sync", {"positions": before})
            received = sorted((frame["lane"], frame["n"]) for frame in bob.pushes(**here))
    wanted = [("conversation", 2), ("deleted", 1), ("edited", 1), ("reaction", 1), ("sent", 2)]
    now = {"conversation": 2, "sent": 2, "edited": 1, "deleted": 1, "reaction": 1}
    if received != wanted or not synced["complete"] or synced["positions"].get(room) != now:
        raise Failed(f"beyond {before} there is {wanted}, received are {received} and {synced}")


async def misses_nothing_in_between(world: World) -> None:
    """Between a `sync` and the concurrent pushes nothing is lost, while others send all the time."""
    async with await world.line("ann") as ann:
        room = await world.room(ann, "bob")
        over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            talking = tasks.create_task(_talk(ann, room, over))
            try:
                for turn in range(5):
                    async with await world.line("bob", turn) as bob:
                        await _in_step(bob, room, turn)
            finally:
                over.set()
            await talking


async def _talk(line: Line, room: str, over: asyncio.Event) -> None:
    n = 0
    while not over.is_set():
        n += 1
        await say(line, room, f"{n}")


async def _in_step(line: Line, room: str, turn: int) -> None:
    """Check that after a complete sync every number of the lane arrived, by the sync or by a push."""
    positions: dict[str, Any] = {}
    while not (synced := await line.done("sync", {"positions": positions}))["complete"]:
        positions = synced["positions"]
    reached = synced["positions"].get(room, {}).get("sent", 0)
    await line.until(
        lambda: max(line.numbers("sent", room), default=0) > reached + 20 or None, f"no pushes, turn {turn}"
    )
    found = set(line.numbers("sent", room))
    if missing := set(range(1, max(found) + 1)) - found:
        raise Failed(f"in turn {turn} these never arrived: {sorted(missing)[:10]}")


async def pages_a_long_absence(world: World) -> None:
    """Rows that do not fit into one `sync` come in several, each with positions to continue from; none is skipped."""
    async with await world.line("ann") as ann:
        rows = ann.said[0]["data"]["limits"].get("sync_rows", 1000)
        room = await world.room(ann, "bob")
        many = min(rows + 50, 3000)
        for n in range(many):
            frame = {"conversation_id": room, "client_msg_id": f"{n}", "text": "x"}
            await ann.begin("message:send", frame)
            if n % 50 == 49:
                await ann.until(lambda n=n: len(ann.numbers("sent", room)) > n - 49 or None, "pushes are missing")  # type: ignore[misc]
        await ann.until(lambda: len(ann.numbers("sent", room)) >= many or None, "pushes are missing", 60)
    async with await world.line("bob") as bob:
        positions: dict[str, Any] = {}
        for _ in range(10):
            synced = await bob.done("sync", {"positions": positions})
            positions = synced["positions"]
            if synced["complete"]:
                break
        if sorted(bob.numbers("sent", room)) != list(range(1, many + 1)):
            raise Failed(f"of {many} messages {len(set(bob.numbers('sent', room)))} arrived")


async def tells_who_returns_what_changed(world: World) -> None:
    """A user who is added again receives the changes of their messages since, also on a line opened in between."""
    async with await world.line("ann") as ann, await world.line("bob", 1) as bob:
        room = await world.room(ann, "bob")
        here = {"conversation_id": room}
        said = await say(ann, room, "before")
        await bob.push("message:new", **said)
        await ann.done("conversation:remove-participants", {**here, "participants": [bob.user]})
        out = await bob.push("conversation:updated", **here, change="participants-removed")
        async with await world.line("bob", 1) as again:
            await again.done("sync", {"positions": {room: {"sent": 1, "conversation": out["n"]}}})
            await ann.done("message:edit", {**said, "text": "after"})
            await ann.push("message:edited", **said)
            await bob.quiet("message:edited", **said)
            await ann.done("conversation:add-participants", {**here, "participants": [bob.user]})
            for line in (bob, again):
                await line.push("message:edited", **said, text="after")


CHECKS: Final[tuple[Check, ...]] = (
    says_once_what_is_repeated,
    holds_to_the_first_body,
    survives_a_cut,
    lets_no_late_repeat_undo,
    brings_what_was_missed,
    misses_nothing_in_between,
    tells_who_returns_what_changed,
    pages_a_long_absence,
)
