"""What the users of a kept system do: every kind of command, in several scripts, with members who come and go.

It uses the socket protocol alone, so every version plays it. Both tenants have the same users and the same names.
"""

from collections.abc import Mapping
from typing import Any

from tests.e2e.line import Line

Lines = Mapping[str, Line]

ORDER = "order-4711"
"""The `external_id` that the application of each tenant gives."""
OWN_NAME = "заказ-四七"
TEXTS = (
    "Grüße aus der Straße, naïve café",
    "我家在上海东边。",
    "안녕하세요 @bob님",
    "Привет, ёлка и майка",
    "नमस्ते दुनिया",
    "שלום עולם",
    "مرحبا بالعالم",
    "สวัสดีชาวโลก",
    "fête 🎉 🇩🇪 at nine",
    '<b>plain</b> text with \\ and "quotes" and a\nnew line',
)
MEDIA = "5f1d1f8a-0000-4000-8000-00000000000{}"
PLAN = {"media_id": MEDIA.format(1), "name": "план 図面.pdf", "content_type": "application/pdf", "size": 70_123}
PICTURE = {"media_id": MEDIA.format(2), "name": None, "content_type": "image/png", "size": 2**53}
METADATA = {"priority": 2, "größe": {"": [1.5, None, True, 2**53]}, "$a.b": "✓"}


class Room:
    """A conversation that somebody has opened."""

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id

    @classmethod
    async def opened(cls, who: Line, **data: Any) -> "Room":
        return cls((await who.done("conversation:create", data))["conversation_id"])

    async def do(self, who: Line, command: str, **data: Any) -> dict[str, Any]:
        return await who.done(command, {"conversation_id": self.id, **data})

    async def say(self, who: Line, key: str, text: str | None = None, **more: Any) -> str:
        """Send a message, wait until it is in the read model, and return its id."""
        more = {"client_msg_id": key, "text": text, "wait_for": "persisted", **more}
        message_id: str = (await self.do(who, "message:send", **more))["message_id"]
        return message_id


async def talk(lines: Lines) -> None:
    """Play everything, with lines of `ann`, `bob`, `cy`, `dee` and `eve`; `ann` may open what the application names."""
    order = await _talk_of_an_order(lines)
    await _change_what_was_said(lines, order)
    await _talk_to_each_other(lines, order)
    await _come_and_go(lines)
    await _leave_everything(lines)
    await _keep_for_oneself(lines, order)
    await _read(lines, order)


async def _talk_of_an_order(lines: Lines) -> Room:
    ann, bob, cy = lines["ann"], lines["bob"], lines["cy"]
    order = await Room.opened(ann, external_id=ORDER, title="Bestellung 4711: 注文", participants=["bob", "cy"])
    for n, text in enumerate(TEXTS):
        await order.say((ann, bob, cy)[n % 3], f"ключ {n}", text)
    root = await order.say(bob, "root", "When does it arrive, @ann?", mentions=["cy"])
    first = await order.say(ann, "answer 1", "Tomorrow, @bob", reply_to=root)
    await order.say(cy, "answer 2", "@ann, really?", reply_to=first, metadata=METADATA)
    await order.say(ann, "files", "the plan", attachments=[PLAN, PICTURE], metadata={"draft": 3})
    await order.say(bob, "file alone", attachments=[PICTURE])
    await order.say(cy, "sealed", ciphertext="c2VhbGVk", mentions=["ann"])
    await order.do(ann, "conversation:update", title="Bestellung 4711, spät", avatar=MEDIA.format(3), metadata=METADATA)
    await order.do(ann, "conversation:set-role", participants=["bob"], role="admin", client_key="role 1")
    await order.do(ann, "conversation:add-participants", participants=["eve"], role="admin")
    return order


async def _change_what_was_said(lines: Lines, order: Room) -> None:
    ann, bob, cy = lines["ann"], lines["bob"], lines["cy"]
    edited = await order.say(bob, "edited", "first version, mango")
    await order.do(bob, "message:edit", message_id=edited, text="second version for @cy")
    await order.do(bob, "message:edit", message_id=edited, text="third version, папайя", client_key="edit 3")
    bare = await order.say(ann, "caption", "a caption to be taken away", attachments=[PLAN])
    await order.do(ann, "message:edit", message_id=bare)
    sealed = await order.say(cy, "sealed twice", ciphertext="b25l")
    await order.do(cy, "message:edit", message_id=sealed, ciphertext="dHdv")
    withdrawn = await order.say(cy, "withdrawn", "mango that nobody may find")
    await order.do(bob, "message:edit", message_id=edited, text="third version, папайя and mango")
    await order.do(cy, "message:delete", message_id=withdrawn)
    shown_out = await order.say(cy, "by the owner", "@bob, an owner deletes this")
    await order.do(bob, "reaction:add", message_id=shown_out, emoji="👎")
    await order.do(ann, "message:delete", message_id=shown_out)
    for who, emoji in ((ann, "👍"), (bob, "👍"), (cy, "❤"), (cy, "👩🏽‍🚀"), (bob, ":party:"), (ann, "🇩🇪")):
        await order.do(who, "reaction:add", message_id=edited, emoji=emoji)
    await order.do(ann, "reaction:remove", message_id=edited, emoji="👍")
    await order.do(ann, "reaction:add", message_id=edited, emoji="👍", client_key="again")
    await order.do(cy, "reaction:remove", message_id=edited, emoji="❤️")
    pinned = await order.say(ann, "pinned", "pinned, then deleted")
    for message_id in (edited, pinned, bare):
        await order.do(cy, "message:pin", message_id=message_id)
    await order.do(ann, "message:delete", message_id=pinned)
    await order.do(bob, "message:unpin", message_id=bare)
    await order.do(ann, "message:pin", message_id=sealed)


async def _talk_to_each_other(lines: Lines, order: Room) -> None:
    """Direct conversations: one that is left and brought back by a message, and notes to oneself."""
    ann, bob, cy = lines["ann"], lines["bob"], lines["cy"]
    direct = await Room.opened(ann, kind="direct", participants=["bob"])
    said = await direct.say(ann, "1", "Hallo Bob, papaya?")
    await direct.say(bob, "2", "hi @ann", reply_to=said)
    await direct.do(bob, "conversation:leave")
    await direct.say(ann, "3", "this brings you back")
    await direct.say(bob, "4", "back again")
    forward = {"from_conversation_id": direct.id, "message_id": said, "client_msg_id": "forwarded"}
    forwarded = (await order.do(ann, "message:forward", **forward))["message_id"]
    notes = await Room.opened(cy, kind="direct", participants=["cy"])
    again = {"from_conversation_id": order.id, "message_id": forwarded, "client_msg_id": "forwarded again"}
    await notes.do(cy, "message:forward", **again)
    await notes.say(cy, "note", "заметка: купить папайю")


async def _come_and_go(lines: Lines) -> None:
    """A group that shows its history, with members who leave, are removed, return and step down."""
    ann, bob, cy, dee, eve = (lines[name] for name in ("ann", "bob", "cy", "dee", "eve"))
    group = await Room.opened(bob, external_id=OWN_NAME, title="出張 👋", participants=["cy", "dee"])
    await group.say(bob, "1", "before there was history")
    await group.do(cy, "conversation:leave")
    await group.say(dee, "2", "while cy was out")
    await group.do(bob, "conversation:update", history="all")
    await group.say(bob, "3", "shown to newcomers")
    await group.do(bob, "conversation:add-participants", participants=["ann"], role="owner")
    await group.do(bob, "conversation:remove-participants", participants=["dee"])
    await group.say(ann, "4", "while dee was out")
    await group.do(bob, "conversation:add-participants", participants=["cy", "dee"], role="admin", client_key="back")
    await group.say(cy, "5", "cy is back")
    await group.do(cy, "conversation:leave", client_key="second leave")
    await group.do(ann, "conversation:add-participants", participants=["cy"], client_key="third stay")
    await group.say(cy, "6", "a third stay")
    taken_back = await group.say(dee, "7", "dee takes this back from outside")
    await group.do(dee, "conversation:leave", client_key="dee leaves")
    await group.do(dee, "message:delete", message_id=taken_back)
    await group.do(bob, "conversation:update", history="joined", title=None)
    await group.do(ann, "conversation:add-participants", participants=["eve"], client_key="eve")
    await group.say(eve, "8", "eve reads from here")
    await group.do(bob, "conversation:set-role", participants=["bob"], role="member", client_key="down")


async def _leave_everything(lines: Lines) -> None:
    """A group that nobody is in, one that is opened again by its name, and one that is its owner's alone."""
    dee, eve = lines["dee"], lines["eve"]
    empty = await Room.opened(dee, title="empty", participants=["eve"], client_key="empty")
    await empty.say(eve, "1", "the last message here, guava")
    await empty.do(eve, "conversation:leave")
    await empty.do(dee, "conversation:leave")
    again = await Room.opened(eve, external_id="again", participants=["dee"])
    await again.say(dee, "1", "nobody reads this later")
    await again.do(dee, "conversation:leave")
    await again.do(eve, "conversation:leave")
    await Room.opened(eve, external_id="again")
    await again.say(eve, "2", "alone, guava")
    await Room.opened(eve, title="never used", client_key="unused")


async def _keep_for_oneself(lines: Lines, order: Room) -> None:
    """Private state of users: hidden, muted, archived and pinned."""
    ann, bob, cy, eve = (lines[name] for name in ("ann", "bob", "cy", "eve"))
    put_away = await Room.opened(ann, title="archived", participants=["bob", "cy"], client_key="archived")
    hidden = await put_away.say(bob, "1", "hidden from ann, guava")
    await put_away.do(ann, "message:hide", message_id=hidden)
    await put_away.say(cy, "2", "seen by ann, guava")
    for who, keep in ((ann, False), (bob, True), (cy, False)):
        await put_away.do(who, "conversation:archive", keep_archived=keep)
    await put_away.say(cy, "3", "brings it back to cy and ann, not to bob")
    await put_away.do(ann, "conversation:archive", client_key="once more")
    await order.do(bob, "conversation:archive", client_key="a")
    await order.do(bob, "conversation:unarchive", client_key="b")
    await order.do(ann, "conversation:mute")
    await order.do(bob, "conversation:mute", until="2100-01-01T00:00:00.000Z")
    await order.do(cy, "conversation:mute")
    await order.do(cy, "conversation:unmute")
    for room in (order, put_away):
        await room.do(cy, "conversation:pin")
    await order.do(cy, "conversation:unpin")
    await order.do(cy, "conversation:pin", client_key="pinned again")
    await order.do(eve, "conversation:pin")


async def _read(lines: Lines, order: Room) -> None:
    """Read positions of users: public and private, of a conversation and of a thread, and of their devices."""
    ann, bob, cy, eve = (lines[name] for name in ("ann", "bob", "cy", "eve"))
    await order.do(bob, "message:read", seq=5)
    await order.do(bob, "message:read", seq=12)
    await order.do(cy, "message:read", seq=9, private=True)
    root = (await order.do(ann, "message:history", after=10, limit=1))["messages"][0]
    await order.do(ann, "message:read", seq=12, thread=root["message_id"])
    await order.do(ann, "message:read", seq=4)
    await order.do(ann, "message:delivered", seq=14, device="phone")
    await order.do(ann, "message:delivered", seq=13, device="табло")
    await order.do(eve, "message:delivered", seq=1000)
    await order.say(bob, "last", "read by nobody, @ann @cy @eve")
