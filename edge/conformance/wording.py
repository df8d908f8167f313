"""What texts may be, and whom they name."""

from typing import Final

from edge.conformance.commanding import say
from edge.conformance.line import Failed
from edge.conformance.suite import Check
from edge.conformance.world import World

OTHERS: Final = ("@{0}.lee", "@{0}_smith", "@{0}-smith", "@{0}@example.org", "@{0}é", "@{0}\u200dlee", "josé@{0}")
"""Texts that name somebody else than `{0}`, or nobody."""
THEMSELVES: Final = ("@{0}", "(@{0}!)", "@{0}...", "你好@{0}你好", "ดี@{0}ครับ", "\u2068@{0}\u2069", "👍@{0}👍")

UNSEEN: Final = (
    " ",
    "\n\t",
    "\x00",
    "\u00a0",
    "\u200b\u200d",
    "\u2066\u2069",
    "\u2800",
    "\u3164",
    "\ufe0f",
    "\U000e0061",
)
SEEN: Final = (" . ", "\x00a", "\u200fא", "👩\u200d👧", "e\u0301", "ก", "\ufffd")


async def mentions_whom_a_text_names(world: World) -> None:
    """A text mentions the member whose id stands behind an `@`, beside punctuation and scripts without spaces, and not
    who is called like the beginning of another name.
    """
    async with await world.line("ann") as ann, await world.line("bob") as bob:
        room = await world.room(ann, "bob")
        for wanted, texts in (([], OTHERS), ([bob.user], THEMSELVES)):
            for text in (text.format(bob.user) for text in texts):
                push = await bob.push("message:new", **await say(ann, room, text))
                if (found := push["data"].get("mentions", [])) != wanted:
                    raise Failed(f"{text!a} mentions {found}, not {wanted}")


async def takes_a_caption_away(world: World) -> None:
    """An edit to nothing takes the text away from attachments, and is refused where there are none."""
    async with await world.line("ann") as ann, await world.line("bob") as bob:
        room = await world.room(ann, "bob")
        file = {"media_id": "b5f5c6a0-0000-4000-8000-00000000000a", "name": "plan.pdf"}
        said = await say(ann, room, "caption", attachments=[file])
        await bob.push("message:new", **said)
        await ann.done("message:edit", said)
        told = (await bob.push("message:edited", **said))["data"]
        shown = (await bob.done("message:get", said))["message"]
        for one in (told, shown):
            if (one["text"], one["edited"], [each["name"] for each in one["attachments"]]) != (
                None,
                True,
                ["plan.pdf"],
            ):
                raise Failed(f"without its caption it is {one}")
        await ann.done("message:edit", {**said, "text": "another"})
        await bob.push("message:edited", **said, text="another")
        plain = await say(ann, room, "plain")
        await ann.push("message:new", **plain)
        await ann.refused("message:edit", {**plain, "text": None}, "validation_failed")


async def refuses_what_cannot_be_seen(world: World) -> None:
    """A text or a title that is white space, control, format and filler characters alone is refused, in a send, an
    edit, a creation and an update; one that has anything else stays as it was given.
    """
    async with await world.line("ann") as ann:
        room = await world.room(ann)
        said = await say(ann, room, "seen")
        await ann.push("message:new", **said)
        for text in UNSEEN:
            for kind, data in (
                ("message:send", {"conversation_id": room, "client_msg_id": f"{text!a}", "text": text}),
                ("message:edit", {**said, "text": text}),
                ("conversation:create", {"title": text}),
                ("conversation:update", {"conversation_id": room, "title": text}),
            ):
                await ann.refused(kind, data, "validation_failed")
        for text in SEEN:
            push = await ann.push("message:new", **await say(ann, room, text))
            if push["data"]["text"] != text:
                raise Failed(f"{text!a} became {push['data']['text']!a}")


CHECKS: Final[tuple[Check, ...]] = (mentions_whom_a_text_names, takes_a_caption_away, refuses_what_cannot_be_seen)
