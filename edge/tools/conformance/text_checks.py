"""Checks of texts, mentions, and metadata."""

import json
import re
from typing import Final

import msgspec

from edge.tools.conformance.command_checks import say
from edge.tools.conformance.line import Failed, Frame
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World
from schemas.bounds import TEXT_CHARS

OTHERS: Final = ("@{0}.lee", "@{0}_smith", "@{0}-smith", "@{0}@example.org", "@{0}é", "@{0}\u200dlee", "josé@{0}")
"""Texts that name another user than `{0}`, or nobody."""
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
    """A text mentions the member whose id follows an `@`, beside punctuation and scripts without spaces, and not a
    member whose id is the beginning of another name.
    """
    async with await world.line("ann") as ann, await world.line("bob") as bob:
        room = await world.room(ann, "bob")
        for wanted, texts in (([], OTHERS), ([bob.user], THEMSELVES)):
            for text in (text.format(bob.user) for text in texts):
                push = await bob.push("message:new", **await say(ann, room, text))
                if (found := push["data"].get("mentions", [])) != wanted:
                    raise Failed(f"{text!a} mentions {found}, not {wanted}")


async def takes_a_caption_away(world: World) -> None:
    """An edit to no text removes the caption of attachments, and is refused where there are none."""
    async with await world.line("ann") as ann, await world.line("bob") as bob:
        room = await world.room(ann, "bob")
        file = {"media_id": "b5f5c6a0-0000-4000-8000-00000000000a", "name": "plan.pdf"}
        said = await say(ann, room, "caption", attachments=[file])
        await bob.push("message:new", **said)
        await ann.done("message:edit", said)
        pushed = (await bob.push("message:edited", **said))["data"]
        shown = (await bob.done("message:get", said))["message"]
        for one in (pushed, shown):
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
    """A text or a title of only white space, control, format and filler characters is refused, in a send, an edit, a
    creation and an update; any other stays as it was given.
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


async def keeps_numbers_or_refuses_them(world: World) -> None:
    """Integers in metadata up to 2^53 are shown as they were given, larger ones are refused."""
    async with await world.line("ann") as ann:
        room = await world.room(ann)
        for number in (2**53, -(2**53), 0.1, 1e300):
            said = await say(ann, room, f"{number}", metadata={"number": number})
            pushed = (await ann.push("message:new", **said))["data"]
            if pushed.get("metadata") != {"number": number}:
                raise Failed(f"{number} became {pushed.get('metadata')}")
        for number in (2**53 + 1, -(2**64), 10**4_049):
            metadata = {"metadata": {"in": [number]}}
            await ann.refused("conversation:update", {"conversation_id": room, **metadata}, "validation_failed")
            data = {"conversation_id": room, "client_msg_id": "k", "text": "x", **metadata}
            await ann.refused("message:send", data, "validation_failed")


def escaped(frame: Frame) -> bytes:
    """Return JSON in which every character is escaped that may be, also in keys."""

    def text(found: re.Match[str]) -> str:
        units = json.loads(found[0]).encode("utf-16-be").hex()
        return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'

    return re.sub(r'"[^"]*"', text, json.dumps(frame)).encode()


async def takes_a_text_in_any_encoding(world: World) -> None:
    """A text of `hello.limits.text` characters fits into a frame, whichever they are and however they are escaped."""
    async with await world.line("ann") as ann:
        room = await world.room(ann)
        limit = ann.said[0]["data"]["limits"].get("text", TEXT_CHARS)
        for n, character in enumerate("x字👍"):
            for encode in (msgspec.json.encode, escaped):
                data = {"conversation_id": room, "client_msg_id": f"{n} {encode.__name__}", "text": character * limit}
                asked = await ann.begin("message:send", data, encode=encode)
                if (answer := await ann.answer(asked))["type"] != "ack":
                    raise Failed(f"{limit} times {character} are answered by {answer['error']}")
                pushed = await ann.push("message:new", message_id=answer["data"]["message_id"])
                if pushed["data"]["text"] != data["text"]:
                    raise Failed(f"{limit} times {character} have become {len(pushed['data']['text'])} characters")


CHECKS: Final[tuple[Check, ...]] = (
    mentions_whom_a_text_names,
    takes_a_caption_away,
    refuses_what_cannot_be_seen,
    keeps_numbers_or_refuses_them,
    takes_a_text_in_any_encoding,
)
