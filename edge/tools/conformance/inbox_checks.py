"""Checks of a user's private state and of what others see of it: cursors, receipts, presence and typing."""

from typing import Any, Final

from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Failed, Line
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World
from schemas.wire.frames import CURSORS


async def _shown(line: Line, room: str) -> dict[str, Any]:
    """Return the conversation as this user's list shows it."""
    found = (await line.done("conversation:list", {}))["conversations"]
    return next(one for one in found if one["conversation_id"] == room)


async def counts_what_is_unread(world: World) -> None:
    """`unread` counts the messages after all that a user read or sent, `mentions` those of them that name the user."""
    async with await world.line("ann") as ann, await world.line("bob") as bob:
        room = await world.room(ann, "bob")
        for text in ("one", f"two @{bob.user}", "three"):
            await bob.push("message:new", **await say(ann, room, text))
        for seq, wanted in ((0, (3, 1)), (2, (1, 0)), (1, (1, 0)), (3, (0, 0))):
            if seq:
                await bob.done("message:read", {"conversation_id": room, "seq": seq})
            if seq in {2, 3}:
                await bob.push("inbox:changed", conversation_id=room, read=seq)
            found = await _shown(bob, room)
            if (found["unread"], found["mentions"]) != wanted:
                raise Failed(f"read up to {seq} there are {found['unread']}, {found['mentions']}, not {wanted}")
        if (own := (await _shown(ann, room))["unread"]) != 0:
            raise Failed(f"the sender has {own} unread")


async def counts_whom_an_edit_names(world: World) -> None:
    """An edit that names a user counts as a mention while its message is unread, and no longer once it names nobody."""
    async with await world.line("ann") as ann, await world.line("bob") as bob:
        room = await world.room(ann, "bob")
        first, second = [await say(ann, room, text) for text in ("one", "two")]
        await bob.push("message:new", **second)
        await bob.done("message:read", {"conversation_id": room, "seq": 1})
        await bob.push("inbox:changed", conversation_id=room, read=1)
        for said, text, wanted in (
            (first, f"@{bob.user} one", 0),
            (second, f"@{bob.user} two", 1),
            (second, f"two @{bob.user}", 1),
            (second, "nobody", 0),
        ):
            await ann.done("message:edit", {**said, "text": text})
            await bob.push("message:edited", **said, text=text)
            if (found := (await _shown(bob, room))["mentions"]) != wanted:
                raise Failed(f"after an edit to {text!r} there are {found} mentions, not {wanted}")


async def reads_threads_apart(world: World) -> None:
    """A thread has a separate cursor, whichever of its messages is named; senders do not see it, the conversation's
    cursor does not move with it, and all sessions of the user are notified.
    """
    async with await world.line("ann") as ann, await world.line("bob") as bob, await world.line("bob", 1) as other:
        room = await world.room(ann, "bob")
        here = {"conversation_id": room}
        root = await say(ann, room, "root")
        answers = [await say(ann, room, key, reply_to=root["message_id"]) for key in ("2", "3")]
        await bob.push("message:new", **answers[-1])
        await bob.done("message:read", {**here, "seq": 2, "thread": answers[0]["message_id"]})
        for line in (bob, other):
            await line.push("inbox:changed", **here, thread=root["message_id"], read=2)
        found = await bob.done("message:thread", root)
        if (found["read"], found["unread"]) != (2, 1):
            raise Failed(f"the thread is read up to {found['read']} with {found['unread']} unread, not 2 with 1")
        shown = await _shown(bob, room)
        if (shown["inbox"]["read"], shown["unread"]) != (0, 3):
            raise Failed(f"the conversation is read up to {shown['inbox']['read']} with {shown['unread']} unread")
        await bob.done("message:read", {**here, "seq": 3, "private": True})
        await bob.push("inbox:changed", **here, thread=None, read=3)
        found = await bob.done("message:thread", root)
        if (found["read"], found["unread"]) != (3, 0):
            raise Failed(f"all is read, and of the thread {found['unread']} after {found['read']} are not")
        await ann.quiet(CURSORS)


async def keeps_a_lane_for_each(world: World) -> None:
    """A user's private state is pushed to all of the user's sessions in the user lane, and to nobody else."""
    async with await world.line("ann") as ann, await world.line("ann", 1) as other, await world.line("bob") as bob:
        room = await world.room(ann, "bob")
        here = {"conversation_id": room}
        said = await say(bob, room, "hello")
        await ann.push("message:new", **said)
        await ann.done("conversation:mute", here)
        await ann.done("conversation:archive", here)
        await ann.done("message:read", {**here, "seq": 1})
        await ann.done("message:hide", said)
        for line in (ann, other):
            await line.push("inbox:changed", **here, hidden=said["message_id"])
            numbers = [push["n"] for push in line.pushes("inbox:changed")]
            if numbers != [1, 2, 3, 4]:
                raise Failed(f"the lane comes to {line.user} as {numbers}")
        await bob.quiet("inbox:changed")
        async with await world.line("ann", 1) as late:
            synced = await late.done("sync", {"positions": {}, "user": 0})
            pushes = late.pushes("inbox:changed")
            now = [(one["data"]["read"], one["data"]["muted"], one["data"]["archived"]) for one in pushes]
            if synced["user"] != 4 or not now or now[-1] != (1, True, True):
                raise Failed(f"a sync from nothing sends {pushes} and {synced}")
            if said["message_id"] not in [one["data"]["hidden"] for one in pushes]:
                raise Failed(f"a sync does not send the hidden message: {pushes}")


async def hides_for_one_alone(world: World) -> None:
    """A message that a user hid is missing in the history of this user, and present in everybody else's."""
    async with await world.line("ann") as ann, await world.line("bob") as bob:
        room = await world.room(ann, "bob")
        first, second = [await say(bob, room, text) for text in ("keep", "hide")]
        for said in (first, second):
            await ann.push("message:new", **said)
        await ann.done("message:hide", second)
        await ann.push("inbox:changed", hidden=second["message_id"])
        texts = {}
        for line in (ann, bob):
            found = (await line.done("message:history", {"conversation_id": room}))["messages"]
            texts[line.user] = [one["text"] for one in found]
        if texts != {ann.user: ["keep"], bob.user: ["keep", "hide"]}:
            raise Failed(f"the histories have {texts}")
        await ann.refused("message:get", second, "message_not_found")


async def waits_for_a_level(world: World) -> None:
    """A send with `wait_for` is answered once it has reached that level or a further one, and the answer names it."""
    async with await world.line("ann") as ann, await world.line("bob", 1) as bob:
        room = await world.room(ann, "bob")
        data = {"conversation_id": room, "client_msg_id": "1", "text": "x", "wait_for": "persisted"}
        if (level := (await ann.done("message:send", data))["level"]) == "accepted":
            raise Failed(f"it waited, and is {level}")
        asked = await ann.begin("message:send", {**data, "client_msg_id": "2", "wait_for": "read"})
        await bob.push("message:new", seq=2)
        await bob.done("message:read", {"conversation_id": room, "seq": 2})
        level = (await ann.answer(asked))["data"]["level"]
        if level != "read":
            raise Failed(f"it was read, and is {level}")


async def shows_who_types(world: World) -> None:
    """Typing is pushed to the other members of the conversation, and to nobody else; it ends when the user leaves."""
    async with (
        await world.line("ann") as ann,
        await world.line("bob", 1) as bob,
        await world.line("eve") as eve,
    ):
        room = await world.room(ann, "bob")
        here = {"conversation_id": room}
        await bob.push("conversation:updated", **here)
        await ann.done("typing:start", here)
        await bob.push("typing", **here, user_id=ann.user, typing=True)
        await ann.done("typing:stop", here)
        await bob.push("typing", **here, user_id=ann.user, typing=False)
        await ann.quiet("typing")
        await bob.done("typing:start", here)
        await ann.push("typing", **here, user_id=bob.user, typing=True)
        await bob.done("conversation:leave", here)
        await ann.push("typing", **here, user_id=bob.user, typing=False)
        await eve.refused("typing:start", here, "not_a_participant", "conversation_not_found")
        await eve.quiet("typing")


async def shows_who_is_there(world: World) -> None:
    """A presence subscriber is notified when a user who shares a conversation with them connects and disconnects;
    strangers are not.
    """
    async with await world.line("ann") as ann, await world.line("eve") as eve:
        await world.room(ann, "bob")
        bob_is = world.user("bob")
        for line in (ann, eve):
            presences = (await line.done("presence:subscribe", {"users": [bob_is]}))["presences"]
            if [one["user_id"] for one in presences if one["status"] != "offline"]:
                raise Failed(f"{line.user} receives the presence of an offline user: {presences}")
        async with await world.line("bob", 1) as bob:
            await ann.push("presence", user_id=bob_is, status="online")
            await bob.done("presence:set", {"status": "busy"})
            await ann.push("presence", user_id=bob_is, status="busy")
        await ann.until(
            lambda: ann.pushes("presence", user_id=bob_is, status="offline"), "no push that bob is offline", 60
        )
        await eve.quiet("presence")
        (now,) = (await ann.done("presence:get", {"users": [bob_is]}))["presences"]
        if now["status"] != "offline" or now["last_seen"] is None:
            raise Failed(f"bob disconnected, and is {now}")


CHECKS: Final[tuple[Check, ...]] = (
    counts_what_is_unread,
    counts_whom_an_edit_names,
    reads_threads_apart,
    keeps_a_lane_for_each,
    hides_for_one_alone,
    waits_for_a_level,
    shows_who_types,
    shows_who_is_there,
)
