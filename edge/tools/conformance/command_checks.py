"""Checks of commands, their answers, and the pushes that every member receives."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final

from edge.tools.conformance.line import Failed, Frame, Line
from edge.tools.conformance.stage import NOWHERE
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World

MANY: Final = 50
DEEP: Final = "[" * 1_500 + "]" * 1_500
BROKEN: Final = ('{"\\ud800": 1}', '{"x": ["\\udc00"]}', f'{{"x": {DEEP}}}', '{"x": NaN}')
"""Data with the grammar of JSON, or nearly, that JSON readers refuse."""


async def say(
    line: Line, room: str, key: str, text: str | None = None, *, retry: bool | None = None, **more: Any
) -> Frame:
    """Send a message, with `retry` on the frame if given; return `{conversation_id, message_id}`, as answered."""
    data = {"conversation_id": room, "client_msg_id": key, "text": key if text is None else text, **more}
    around = {} if retry is None else {"retry": retry}
    return {"conversation_id": room, "message_id": (await line.done("message:send", data, **around))["message_id"]}


async def answers_by_id(world: World) -> None:
    """An answer has the id of its frame, a number or a text, and its correlation id; unknown fields harm nothing."""
    correlation = "6f1d1f8a-0000-4000-8000-0000000000ff"
    async with await world.line("ann") as ann:
        for frame_id in (7, -3, 2**53, "seven", "7" * 128):
            answer = await ann.ask("conversation:list", {"x": 1}, id=frame_id, correlation_id=correlation, y={})
            if (answer["id"], answer["correlation_id"]) != (frame_id, correlation):
                raise Failed(f"{frame_id!r} is answered by {answer}")


def _as_it_stands(text: str, _: Frame) -> bytes:
    return text.encode()


async def names_the_frame_that_is_broken(world: World) -> None:
    """A frame that a JSON reader cannot decode is refused under its id, first or last; the next one is served."""
    async with await world.line("ann") as ann:
        for n, data in enumerate(BROKEN):
            for frame_id, text in (
                (f"first {n}", f'{{"id": "first {n}", "type": "conversation:list", "data": {data}}}'),
                (f"last {n}", f'{{"type": "conversation:list", "data": {data}, "id": "last {n}"}}'),
            ):
                await ann.begin("conversation:list", {}, id=frame_id, encode=partial(_as_it_stands, text))
                answer = await ann.answer(frame_id)
                if answer["type"] != "error" or answer["error"]["code"] not in {"invalid_json", "validation_failed"}:
                    raise Failed(f"{text[:80]} is answered by {answer}")
            await ann.done("conversation:list", {})


async def names_what_is_wrong(world: World) -> None:
    """An unknown command, a missing field and a field out of bounds have each a code, and pointers name the field."""
    async with await world.line("ann") as ann:
        await ann.refused("message:shout", {}, "unknown_command")
        room = await world.room(ann)
        for data, pointer in (
            ({"conversation_id": room, "client_msg_id": "k"} | {"text": ""}, "/data/text"),
            ({"conversation_id": room, "text": "x"}, "/data/client_msg_id"),
            ({"conversation_id": "1", "client_msg_id": "k", "text": "x"}, "/data/conversation_id"),
        ):
            wrong = (await ann.refused("message:send", data, "validation_failed"))["error"]["errors"] or []
            if pointer not in [one["pointer"] for one in wrong]:
                raise Failed(f"{data} is wrong at {pointer}, the answer names {wrong}")


async def keeps_rooms_shut(world: World) -> None:
    """Only members read and write in a conversation; what does not exist is answered with not found."""
    async with await world.line("ann") as ann, await world.line("eve") as eve:
        room = await world.room(ann)
        said = await say(ann, room, "secret")
        await ann.push("receipt", **said, stage="persisted")
        outside = ("not_a_participant", "conversation_not_found")
        for kind, data in (
            ("conversation:get", {}),
            ("message:history", {}),
            ("message:send", {"client_msg_id": "k", "text": "x"}),
            ("message:get", {"message_id": said["message_id"]}),
            ("reaction:add", {"message_id": said["message_id"], "emoji": "👍"}),
            ("conversation:add-participants", {"participants": [eve.user]}),
        ):
            await eve.refused(kind, {"conversation_id": room, **data}, *outside)
        await ann.refused("conversation:get", {"conversation_id": NOWHERE}, "conversation_not_found")
        await ann.refused(
            "message:edit", {"conversation_id": room, "message_id": NOWHERE, "text": "x"}, "message_not_found"
        )
        synced = await eve.done("sync", {"positions": {room: {}}})
        if synced["positions"].get(room) or eve.pushes("message:new"):
            raise Failed(f"a sync sends a non-member {eve.said}")
        await eve.quiet("message:new")


async def tells_everyone(world: World) -> None:
    """A message reaches all sessions of all members, the sender's too; its sender gets a receipt of its persistence."""
    async with AsyncExitStack() as stack:
        sessions = (("ann", 0), ("ann", 1), ("bob", 0))
        lines = [await stack.enter_async_context(await world.line(*who)) for who in sessions]
        room = await world.room(lines[0], "bob")
        said = await say(lines[0], room, "hello", "Noodles at noon? 🍜")
        for line in lines:
            push = await line.push("message:new", **said)
            if (push["data"]["text"], push["data"]["seq"], push["n"]) != ("Noodles at noon? 🍜", 1, 1):
                raise Failed(f"{line.user} receives {push}")
        await lines[0].push("receipt", **said, stage="persisted", applied=True)


async def keeps_the_order_of_a_line(world: World) -> None:
    """Messages that one line sends without waiting for answers are numbered in that order, from 1, without a gap."""
    async with await world.line("ann") as ann, await world.line("bob", 1) as bob:
        room = await world.room(ann, "bob")
        for n in range(MANY):
            await ann.begin("message:send", {"conversation_id": room, "client_msg_id": f"{n}", "text": f"{n}"})
        for line in (ann, bob):
            await line.until(lambda line=line: len(line.pushes("message:new")) >= MANY or None, "pushes are missing")  # type: ignore[misc]
            found = [(push["n"], push["data"]["text"]) for push in line.pushes("message:new")]
            if found != [(n + 1, f"{n}") for n in range(MANY)]:
                raise Failed(f"{line.user} receives {found}")


async def is_one_order_for_all(world: World) -> None:
    """Concurrent messages of several users have one order, the same for all; every lane counts from 1 without a gap."""
    names = ("ann", "bob", "cy")
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(await world.line(name, n)) for n, name in enumerate(names)]
        room = await world.room(lines[0], *names[1:])
        for line in lines[1:]:
            await line.push("conversation:updated", conversation_id=room)
        await asyncio.gather(*(_talks(line, room) for line in lines))
        every = len(lines) * 10
        wanted = {"sent": every, "edited": every, "reaction": every, "deleted": len(lines)}
        for line in lines:
            for lane, upto in wanted.items():
                await line.until(
                    lambda line=line, lane=lane, upto=upto: len(line.numbers(lane, room)) >= upto or None,  # type: ignore[misc]
                    f"pushes of lane {lane} are missing",
                )
                if line.numbers(lane, room) != list(range(1, upto + 1)):
                    raise Failed(f"lane {lane} comes to {line.user} as {line.numbers(lane, room)}")
        orders = [[push["data"]["message_id"] for push in line.pushes("message:new")] for line in lines]
        if orders[1:] != orders[:-1]:
            raise Failed("two members see different orders")


async def _talks(line: Line, room: str) -> None:
    for n in range(10):
        said = await say(line, room, f"{n}")
        await line.done("message:edit", {**said, "text": f"{n}!"})
        await line.done("reaction:add", {**said, "emoji": "👍"})
        if n == 0:
            await line.done("message:delete", said)


async def lets_authors_change(world: World) -> None:
    """Only its author edits a message; a deleted one has no text, and no edit brings it back."""
    async with await world.line("ann") as ann, await world.line("bob") as bob:
        room = await world.room(ann, "bob")
        said = await say(bob, room, "mine")
        await ann.push("message:new", **said)
        await ann.refused("message:edit", {**said, "text": "yours"}, "not_the_author")
        await bob.done("message:edit", {**said, "text": "still mine"})
        edited = await ann.push("message:edited", **said)
        if (edited["data"]["text"], edited["data"]["edited"]) != ("still mine", True):
            raise Failed(f"an edit is pushed as {edited}")
        await bob.done("message:delete", said)
        deleted = await ann.push("message:deleted", **said)
        if (deleted["data"]["text"], deleted["data"]["deleted"]) != (None, True):
            raise Failed(f"a deletion is pushed as {deleted}")
        await bob.refused("message:edit", {**said, "text": "back"}, "message_not_found")
        found = (await ann.done("message:history", {"conversation_id": room}))["messages"]
        if [(one["seq"], one["text"], one["deleted"]) for one in found] != [(1, None, True)]:
            raise Failed(f"the history has {found}")


async def shows_people_out(world: World) -> None:
    """A removed user is notified, receives nothing of what follows, and cannot fetch it."""
    async with await world.line("ann") as ann, await world.line("bob", 1) as bob:
        room = await world.room(ann, "bob")
        here = {"conversation_id": room}
        await bob.push("message:new", **await say(ann, room, "for both"))
        await ann.done("conversation:remove-participants", {**here, "participants": [bob.user]})
        await bob.push("conversation:updated", **here, change="participants-removed")
        after = await say(ann, room, "for ann alone")
        await ann.push("message:new", **after)
        await bob.quiet("message:new", **after)
        await bob.refused("message:send", {**here, "client_msg_id": "k", "text": "x"}, "not_a_participant")
        seen = (await bob.done("message:history", here))["messages"]
        if [one["text"] for one in seen] != ["for both"]:
            raise Failed(f"the history of a removed user has {seen}")
        await bob.refused("message:get", after, "message_not_found")


async def begins_where_one_came(world: World) -> None:
    """A user who is added later reads messages from then on, and none from before."""
    async with await world.line("ann") as ann, await world.line("bob") as bob:
        room = await world.room(ann)
        here = {"conversation_id": room}
        before = await say(ann, room, "before")
        await ann.push("message:new", **before)
        await ann.done("conversation:add-participants", {**here, "participants": [bob.user]})
        await bob.push("conversation:updated", **here)
        await bob.push("message:new", **await say(ann, room, "after"))
        seen = (await bob.done("message:history", here))["messages"]
        if [(one["seq"], one["text"]) for one in seen] != [(2, "after")]:
            raise Failed(f"the history of a user who was added later has {seen}")
        await bob.refused("message:get", before, "message_not_found")


CHECKS: Final[tuple[Check, ...]] = (
    answers_by_id,
    names_the_frame_that_is_broken,
    names_what_is_wrong,
    keeps_rooms_shut,
    tells_everyone,
    keeps_the_order_of_a_line,
    is_one_order_for_all,
    lets_authors_change,
    shows_people_out,
    begins_where_one_came,
)
