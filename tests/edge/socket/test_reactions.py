"""Reactions at a node: who may react, what is pushed, and what sync and the read model have afterwards."""

import asyncio
from typing import Any

import msgspec
import pytest

from core.domain import reaction
from core.ports.documents import TableGeneration
from edge.socket.node import Node
from projections.messages import message_rows, reactions
from schemas import envelope, ids
from schemas.envelope import Record
from schemas.topics import MESSAGE_REJECTED, USER_ACTION, partitions
from tests.edge.socket.world import Person, World, room
from tests.eventually import eventually

UNKNOWN = "6f1d1f8a-0000-4000-8000-00000000000a"


class Scene:
    """Ann and Ben in a room with a message of Ann."""

    def __init__(self, found: World, node: Node) -> None:
        self.found = found
        self.node = node
        self.named: dict[str, str] = {}

    async def begin(self) -> "Scene":
        self.ann, self.ben = [await Person(self.node, user).come() for user in ("ann", "ben")]
        self.here = await room(self.ann, "ben")
        self.named = await self.say("hi")
        return self

    async def say(self, text: str) -> dict[str, str]:
        answer = await self.ann.ask("message:send", conversation_id=self.here, client_msg_id=text, text=text)
        await eventually(lambda: text in self.ben.texts())
        return {"conversation_id": self.here, "message_id": answer["data"]["message_id"]}

    async def react(self, who: Person, emoji: str = "👍", *, on: bool = True, **more: Any) -> dict[str, Any]:
        return await who.ask("reaction:add" if on else "reaction:remove", **{**self.named, "emoji": emoji, **more})

    async def row(self) -> Any:
        rows = await self.found.documents.get(TableGeneration(message_rows.ROWS, 1), [self.named["message_id"]])
        return message_rows.view(rows[self.named["message_id"]])


@pytest.fixture
async def scene(running: tuple[World, Node]) -> Scene:
    return await Scene(*running).begin()


def on(frame: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(one["emoji"], one["users"]) for one in frame["data"].get("reactions", ())]


def last(who: Person) -> list[tuple[str, list[str]]]:
    """Return the reactions on the message in the last push."""
    pushes = who.of("reaction:changed")
    return on(pushes[-1]) if pushes else []


async def reacted(found: World) -> list[Any]:
    """Return all reactions in the log."""
    places = partitions(USER_ACTION)
    ends = await found.log.end_offsets(places)
    return [
        envelope.read(record.topic, record.key, record.value, record.headers)
        async for batch in found.log.read(dict.fromkeys(places, 0), ends)
        for record in batch
    ]


async def test_reactions_are_pushed_to_all_and_stored(scene: Scene) -> None:
    answer = await scene.react(scene.ben)
    assert (answer["type"], answer["data"]) == (
        "ack",
        {"message_id": scene.named["message_id"], "level": "accepted"},
    )
    await scene.react(scene.ann)
    await eventually(lambda: last(scene.ann) == last(scene.ben) == [("👍", ["ben", "ann"])])
    assert scene.ben.lane("reaction", scene.here) == [1, 2]
    [first, _] = scene.ann.of("reaction:changed")
    assert first["data"]["message_id"] == scene.named["message_id"]
    assert first["data"]["seq"] == 1
    await scene.react(scene.ben, on=False)
    await eventually(lambda: last(scene.ann) == [("👍", ["ann"])])
    view = await scene.row()
    assert [(one.emoji, one.users) for one in view.reactions] == [("👍", ["ann"])]


async def test_reacting_user_receives_persisted_receipt(scene: Scene) -> None:
    await scene.react(scene.ben)
    await eventually(lambda: [one["data"]["lane"] for one in scene.ben.of("receipt")] == ["reaction"])
    [receipt] = scene.ben.of("receipt")
    assert (receipt["data"]["stage"], receipt["data"]["applied"], receipt["data"]["seq"]) == ("persisted", True, 1)


async def test_unchanged_reaction_is_answered_and_not_appended(scene: Scene) -> None:
    assert (await scene.react(scene.ben, on=False))["data"]["level"] == "persisted"
    assert await reacted(scene.found) == []
    assert (await scene.react(scene.ben))["data"]["level"] == "accepted"
    assert (await scene.react(scene.ben))["data"]["level"] == "persisted"
    assert len(await reacted(scene.found)) == 1


@pytest.fixture
def slow(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the log acknowledge appends after 50 ms."""
    log = scene.found.log

    def append(record: Record) -> asyncio.Future[int]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        log._pending += 1
        loop.call_later(0.05, log._put, record, future)
        return future

    monkeypatch.setattr(log, "append", append)


@pytest.mark.usefixtures("slow")
async def test_pipelined_reactions_are_applied_in_order(scene: Scene) -> None:
    asked = {**scene.named, "emoji": "👍"}
    for n in range(4):
        await scene.ben.say(("reaction:add", "reaction:remove")[n % 2], **asked, client_key=f"k{n}")
    await scene.ben.say("reaction:add", **asked, client_key="last")
    await eventually(lambda: len([frame for frame in scene.ben.heard if frame["type"] == "ack"]) == 5)
    await eventually(lambda: last(scene.ann) == [("👍", ["ben"])])
    assert [one.event.on for one in await reacted(scene.found)] == [True, False, True, False, True]
    view = await scene.row()
    assert [(one.emoji, one.users) for one in view.reactions] == [("👍", ["ben"])]


@pytest.mark.usefixtures("slow")
async def test_reaction_to_own_unanswered_message_is_accepted(scene: Scene) -> None:
    await scene.ann.say("message:send", conversation_id=scene.here, client_msg_id="next", text="next")
    message_id = _id_of(scene, "next")
    answer = await scene.react(scene.ann, message_id=message_id)
    assert answer["type"] == "ack", answer


def _id_of(scene: Scene, key: str) -> str:
    return ids.message_id("acme", scene.here, "ann", key)


async def test_same_key_reacts_once_and_old_retry_undoes_nothing(scene: Scene) -> None:
    await scene.react(scene.ben, client_key="add")
    await eventually(lambda: last(scene.ann) == [("👍", ["ben"])])
    await scene.react(scene.ben, on=False, client_key="remove")
    await eventually(lambda: last(scene.ann) == [] and len(scene.ann.of("reaction:changed")) == 2)
    late = await scene.react(scene.ben, client_key="add", retry=True)
    assert late["data"] == {"message_id": scene.named["message_id"], "level": "persisted"}
    other = scene.found.node("two")
    await other.start()
    again = await Person(other, "ben").come()
    assert (await scene.react(again, client_key="add"))["data"]["level"] == "persisted"
    await other.stop()
    view = await scene.row()
    assert view.reactions == []


async def test_another_emoji_under_a_used_key_is_a_conflict(scene: Scene) -> None:
    await scene.react(scene.ben, client_key="add")
    answer = await scene.react(scene.ben, "🎉", client_key="add")
    assert answer["error"]["code"] == "idempotency_conflict"
    await eventually(lambda: last(scene.ann) == [("👍", ["ben"])])
    other = scene.found.node("two")  # which remembers no append
    await other.start()
    again = await Person(other, "ben").come()
    answer = await scene.react(again, "🎉", client_key="add")
    await other.stop()
    assert answer["error"]["code"] == "idempotency_conflict"


async def test_missing_or_deleted_message_refuses_reactions(scene: Scene) -> None:
    assert (await scene.react(scene.ben, message_id=UNKNOWN))["error"]["code"] == "message_not_found"
    await scene.react(scene.ben)
    await scene.ann.ask("message:delete", **scene.named)
    await eventually(lambda: scene.ben.lane("deleted", scene.here) == [1])
    assert (await scene.react(scene.ben, on=False))["error"]["code"] == "message_not_found"
    assert on(scene.ben.of("message:deleted")[0]) == []
    refused = scene.found.log.storage.records
    said = [
        msgspec.json.decode(record.value or b"")
        for at, records in refused.items()
        if at.topic == MESSAGE_REJECTED
        for record in records
    ]
    assert sorted((one["command"], one["code"], one["message_id"]) for one in said) == [
        ("reaction:add", "message_not_found", UNKNOWN),
        ("reaction:remove", "message_not_found", scene.named["message_id"]),
    ]


async def test_only_readers_of_a_message_react(scene: Scene) -> None:
    eve, cat = [await Person(scene.node, user).come() for user in ("eve", "cat")]
    assert (await scene.react(eve))["error"]["code"] == "not_a_participant"
    assert (await scene.react(eve, conversation_id=UNKNOWN))["error"]["code"] == "conversation_not_found"
    await scene.ann.ask("conversation:add-participants", conversation_id=scene.here, participants=["cat"])
    await eventually(lambda: bool(cat.of("conversation:updated")))
    assert (await scene.react(cat))["error"]["code"] == "message_not_found"
    await scene.react(scene.ben)
    await eventually(lambda: last(scene.ann) == [("👍", ["ben"])])
    later = await scene.say("later")
    assert (await scene.react(cat, **later))["type"] == "ack"
    await eventually(lambda: cat.lane("reaction", scene.here) == [2])


async def test_emoji_of_a_member_on_a_message_are_limited(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaction, "MAX_PER_MEMBER", 2)
    for emoji in ("👍", "🎉"):
        await scene.react(scene.ben, emoji)
    await eventually(lambda: last(scene.ann) == [("👍", ["ben"]), ("🎉", ["ben"])])
    assert (await scene.react(scene.ben, "💀"))["error"]["code"] == "reaction_limit"
    assert (await scene.react(scene.ann, "💀"))["type"] == "ack"
    await scene.react(scene.ben, "👍", on=False)
    assert (await scene.react(scene.ben, "💀"))["type"] == "ack"


async def test_endless_reactions_of_one_user_do_not_block_others(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for where in (reaction, reactions):
        monkeypatch.setattr(where, "REACTIONS_KEPT", 6)
    for n in range(21):
        assert (await scene.react(scene.ben, on=n % 2 == 0))["data"]["level"] == "accepted"
    await scene.react(scene.ann, "🎉")
    await eventually(lambda: last(scene.ann) == [("👍", ["ben"]), ("🎉", ["ann"])])
    await scene.react(scene.ben, on=False)
    await scene.react(scene.ann, "🎉", on=False)
    await eventually(lambda: last(scene.ben) == [] and scene.ben.lane("reaction", scene.here)[-1] == 24)
    receipts = [one["data"]["applied"] for one in scene.ben.of("receipt") if one["data"]["lane"] == "reaction"]
    assert receipts == [True] * 22


async def test_equal_looking_emoji_are_one_and_non_emoji_is_refused(scene: Scene) -> None:
    assert (await scene.react(scene.ben, "❤"))["data"]["level"] == "accepted"
    assert (await scene.react(scene.ben, "❤️", client_key="again"))["data"]["level"] == "persisted"
    await scene.react(scene.ann, "❤️")
    await eventually(lambda: last(scene.ann) == [("❤️", ["ben", "ann"])])
    await scene.react(scene.ben, "❤︎", on=False)
    await eventually(lambda: last(scene.ann) == [("❤️", ["ann"])])
    assert (await scene.react(scene.ben, "nice"))["error"]["code"] == "validation_failed"


@pytest.mark.parametrize(
    ("given", "pointer"),
    [({"emoji": ""}, "/data/emoji"), ({"emoji": "x"}, "/data/emoji"), ({"message_id": "x"}, "/data/message_id")],
)
async def test_problem_names_the_field_out_of_bounds(scene: Scene, given: dict[str, str], pointer: str) -> None:
    answer = await scene.react(scene.ben, **given)
    assert answer["error"]["code"] == "validation_failed"
    assert [one["pointer"] for one in answer["error"]["errors"]] == [pointer]


async def test_sync_returns_missed_reactions_and_their_position(scene: Scene) -> None:
    stood = {scene.here: {"conversation": 1, "sent": 1, "edited": 0, "deleted": 0, "reaction": 0}}
    for emoji in (":a:", ":b:", ":a:"):
        await scene.react(scene.ann, emoji)
    await eventually(lambda: last(scene.ben) == [(":a:", ["ann"]), (":b:", ["ann"])])
    late = await Person(scene.node, "ben").come()
    synced = await late.ask("sync", positions=stood)
    assert synced["data"]["positions"][scene.here]["reaction"] == 2
    [push] = late.of("reaction:changed")
    assert (push["n"], on(push)) == (2, [(":a:", ["ann"]), (":b:", ["ann"])])
    again = await late.ask("sync", positions=synced["data"]["positions"])
    assert again["data"] == synced["data"]
    assert len(late.of("reaction:changed")) == 1


async def test_lost_reaction_push_is_healed(scene: Scene) -> None:
    scene.found.bus.lose = True
    await scene.react(scene.ann)
    await eventually(lambda: _head(scene) == 1)
    scene.found.bus.lose = False
    assert scene.ben.lane("reaction", scene.here) == []
    await scene.node.look()
    await eventually(lambda: scene.ben.lane("reaction", scene.here) == [1])
    assert last(scene.ben) == [("👍", ["ann"])]
    scene.found.bus.lose = True
    await scene.react(scene.ann, "🎉")
    await eventually(lambda: _head(scene) == 2)
    scene.found.bus.lose = False
    await scene.react(scene.ben, "🎉")  # its push comes after a gap
    await eventually(lambda: scene.ben.lane("reaction", scene.here)[-1] == 3)
    assert last(scene.ben) == [("👍", ["ann"]), ("🎉", ["ann", "ben"])]


def _head(scene: Scene) -> int:
    rows = scene.found.documents._rows.get(("messages", "heads", 1), {})
    return int(rows.get(scene.here, {}).get("reaction", {"n": 0})["n"])


async def test_returning_member_receives_missed_reactions(scene: Scene) -> None:
    await scene.ann.ask("conversation:remove-participants", conversation_id=scene.here, participants=["ben"])
    await eventually(lambda: scene.ben.lane("conversation", scene.here) == [1, 2])
    await scene.react(scene.ann)
    await eventually(lambda: scene.ann.lane("reaction", scene.here) == [1])
    assert scene.ben.lane("reaction", scene.here) == []
    await scene.ann.ask("conversation:add-participants", conversation_id=scene.here, participants=["ben"])
    await eventually(lambda: scene.ben.lane("reaction", scene.here) == [1])


async def test_message_has_its_reactions_in_every_answer(scene: Scene) -> None:
    await scene.react(scene.ben)
    await eventually(lambda: last(scene.ann) == [("👍", ["ben"])])
    await scene.ann.ask("message:edit", **scene.named, text="hello")
    await eventually(lambda: scene.ben.lane("edited", scene.here) == [1])
    assert on(scene.ben.of("message:edited")[0]) == [("👍", ["ben"])]


async def test_hello_has_the_reactions_feature(scene: Scene) -> None:
    assert "reactions" in scene.ann.heard[0]["data"]["features"]
