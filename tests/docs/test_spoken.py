"""What a live node says is what the language says: every frame heard in a small conversation has its struct's shape."""

from pathlib import Path
from typing import Any

import msgspec

from edge.socket.commands.backlog import BacklogLimits
from edge.socket.node import Node
from schemas.commands import ANSWER_OF, COMMANDS, queries
from schemas.export.asyncapi_socket import PUSHES
from schemas.wire.errors import ERRORS, Problem
from schemas.wire.frames import PUSH_OF_LANE, PUSH_OF_USER
from tests.contracts.search_index import ids, query
from tests.edge.socket.world import TENANT, Person, World, room, send, world
from tests.eventually import eventually

ABSENT = "6f1d1f8a-0000-5000-8000-00000000000f"
OF_A_LANE = {*PUSH_OF_LANE.values(), PUSH_OF_USER}


def exactly(data: Any, kind: Any) -> None:
    """The data is this struct, whole and nothing else."""
    again = msgspec.json.encode(msgspec.json.decode(msgspec.json.encode(data), type=kind))
    assert msgspec.json.decode(again) == data


class Speaker(Person):
    """Someone who remembers what they asked."""

    asked: dict[int, str]

    async def say(self, kind: str, *, retry: bool = False, **data: Any) -> int:
        number = await super().say(kind, retry=retry, **data)
        self.asked = {**getattr(self, "asked", {}), number: kind}
        return number

    def check(self) -> set[str]:
        """Check every frame; the types heard."""
        for frame in self.heard:
            kind = frame["type"]
            if kind == "error":
                exactly(frame["error"], Problem)
                assert frame["error"]["code"] in ERRORS
                assert frame.keys() == {"id", "type", "error", "correlation_id", "data"}
            elif kind in {"ack", "synced"}:
                command = COMMANDS[self.asked[frame["id"]]]
                assert (kind == "synced") == (command is queries.Sync)
                assert frame.keys() == {"id", "type", "data", "correlation_id"}
                exactly(frame["data"], ANSWER_OF[command])
            else:
                assert frame.keys() - {"correlation_id"} == {"type", "data"} | (
                    {"lane", "n"} if kind in OF_A_LANE else set()
                )
                exactly(frame["data"], PUSHES[kind])
        return {frame["type"] for frame in self.heard}


async def test_every_frame_is_as_the_language_says(tmp_path: Path) -> None:
    async with world(tmp_path) as (system, node):
        ann, ben = Speaker(node, "ann"), Speaker(node, "ben")
        await ann.come()
        await ben.come()
        await talk(system, ann, ben)
        await hurry(node, ann)
        assert ann.check() == {*PUSHES, "ack", "synced", "error"}
        ben.check()
        assert {COMMANDS[kind] for kind in {*ann.asked.values(), *ben.asked.values()}} == ANSWER_OF.keys()


async def hurry(node: Node, ann: Speaker) -> None:
    """Send more than is saved."""
    backlog = node._commands.backlog
    backlog._limits = BacklogLimits(node=1)
    here = ann.of("message:new")[0]["data"]["conversation_id"]
    numbers = [
        await ann.say("message:send", conversation_id=here, client_msg_id=f"h{n}", text="more") for n in range(3)
    ]
    await eventually(lambda: all(ann.reply(number) for number in numbers))


async def talk(system: World, ann: Speaker, ben: Speaker) -> None:
    """Every command once, and some that are wrong."""
    here = await room(ann, "ben")
    await send(ann, here, "hello")
    root = (await ann.ask("message:send", conversation_id=here, client_msg_id="m", text="all"))["data"]["message_id"]
    named = {"conversation_id": here, "message_id": root}
    await eventually(lambda: ben.lane("sent", here) == [1, 2])
    await ben.ask("message:send", conversation_id=here, client_msg_id="m", text="yes", reply_to=root)
    await ann.ask("message:edit", **named, text="all of you @ben", client_key="e")
    await eventually(lambda: ann.lane("edited", here) == [1])
    await eventually(lambda: indexed(system, here))
    assert (await ann.ask("search:messages", text="hello"))["data"]["messages"]
    await ben.ask("reaction:add", **named, emoji="👍")
    await eventually(lambda: ann.lane("reaction", here) == [1])
    await ben.ask("reaction:remove", **named, emoji="👍")
    await eventually(lambda: ann.lane("reaction", here) == [1, 2])
    await say_more(ann, ben, here, root)
    await keep(ann, ben, here, root)
    await ben.ask("message:pin", **named)
    await ben.ask("message:unpin", **named)
    await ann.ask("message:delete", **named)
    await ann.ask("conversation:update", conversation_id=here, title="Plans", metadata={"a": 1}, client_key="u")
    await ann.ask("conversation:set-role", conversation_id=here, participants=["ben"], role="admin")
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["cy"])
    await ann.ask("conversation:remove-participants", conversation_id=here, participants=["cy"])
    await ann.ask("conversation:get", conversation_id=here)
    await ann.ask("conversation:list", limit=1)
    await ann.ask("conversation:get", conversation_id=ABSENT)
    await ann.ask("message:send", conversation_id=here, client_msg_id="", text="")
    await ben.ask("conversation:leave", conversation_id=here)
    await eventually(lambda: ann.lane("conversation", here) == list(range(1, 9)))
    await eventually(lambda: (ann.lane("deleted", here), persisted(ann)) == ([1], 4))
    assert (await ann.ask("sync", positions={}))["data"]["complete"]


def persisted(speaker: Speaker) -> int:
    """Return how many messages were reported as persisted to their sender."""
    return sum(receipt["data"]["stage"] == "persisted" for receipt in speaker.of("receipt"))


async def say_more(ann: Speaker, ben: Speaker, here: str, root: str) -> None:
    """What a message may carry, and all ways to see it again."""
    there = await room(ben)
    sent = len(ben.lane("sent", there))
    said = {"conversation_id": there, "text": "see @ben", "metadata": {"a": [1]}, "attachments": [{"media_id": ABSENT}]}
    file = (await ben.ask("message:send", client_msg_id="file", **said))["data"]["message_id"]
    await ben.ask("message:send", conversation_id=there, client_msg_id="sealed", ciphertext="s3cret")
    await ben.ask(
        "message:forward", conversation_id=there, client_msg_id="f", from_conversation_id=there, message_id=file
    )
    await eventually(lambda: len(ben.lane("sent", there)) == sent + 3)
    await ben.ask("message:history", conversation_id=there)
    await ben.ask("message:thread", conversation_id=here, message_id=root)
    await ann.ask("message:get", conversation_id=here, message_id=root)
    await ann.ask("message:history", conversation_id=here, before=1, after=1)


async def keep(ann: Speaker, ben: Speaker, here: str, root: str) -> None:
    """What a user keeps for themselves, and what others are sent of it."""
    for kind in ("mute", "unmute", "archive", "unarchive", "pin", "unpin"):
        await ann.ask(f"conversation:{kind}", conversation_id=here)
    await ann.ask("message:hide", conversation_id=here, message_id=root)
    await ann.ask("message:read", conversation_id=here, seq=1)
    await eventually(lambda: len(ann.of("inbox:changed")) == 8)
    await ben.ask("message:delivered", conversation_id=here, seq=2)
    await ben.ask("typing:start", conversation_id=here)
    await eventually(lambda: len(ann.of("typing")) == 1)
    await ben.ask("typing:stop", conversation_id=here)
    await eventually(lambda: len(ann.of("typing")) == 2)
    await ann.ask("presence:subscribe", users=["ben"])
    await ben.ask("presence:set", status="away")
    await eventually(lambda: len(ann.of("presence")) >= 1)
    await ann.ask("presence:get", users=["ben"])


async def indexed(system: World, conversation_id: str) -> bool:
    """Whether the index has the first message."""
    await system.index.refresh(1)
    return bool(await ids(system.index, 1, query("hello", [conversation_id], tenant=TENANT)))
