"""Answers keep to the size limit of a node: pages of lists end by count or by bytes."""

from typing import Any

import msgspec
import pytest

from core.commands.join_policy import JoinPolicy
from edge.socket.node import Node
from projections.queries import history, response_size
from projections.queries.response_size import ENTRIES_BYTES, size
from schemas.bounds import ANSWER_BYTES, ATTACHMENTS, INTERVALS_SHOWN, MENTIONS, METADATA_BYTES, TEXT_CHARS
from schemas.events import Attachment, Origin
from schemas.wire.views import MessageView, ParticipantView, ReactionView, VersionView
from tests.edge.socket.asking import come, do, pushed_change, said
from tests.edge.socket.world import Person, World, room
from tests.given import AT, ROOM

USER = "u" * 128
UNSEEN = "\u0001" * (TEXT_CHARS - 1) + "a"
LARGEST = MessageView(
    conversation_id=ROOM,
    message_id=ROOM,
    seq=2**53,
    sender=USER,
    text=UNSEEN,
    at=AT,
    client_msg_id="\u0001" * 128,
    reply_to=ROOM,
    edited=True,
    deleted=True,
    unreadable=True,
    thread_root=ROOM,
    mentions=[USER] * MENTIONS,
    attachments=[Attachment(media_id=ROOM, name="\u0001" * 255, content_type="x" * 128, size=2**53)] * ATTACHMENTS,
    metadata={"a": "x" * METADATA_BYTES},
    forwarded_from=[Origin(conversation_id=ROOM, message_id=ROOM, sender=USER, at=AT)] * 20,
    reactions=[ReactionView(emoji=":" + "e" * 62 + ":", users=[USER])] * 1_000,
)
VERSION = VersionView(at=AT, by=USER, text=UNSEEN, mentions=[USER] * MENTIONS)


def test_largest_message_and_its_largest_version_fit_into_an_answer() -> None:
    assert size(LARGEST) + size(VERSION) <= ENTRIES_BYTES < ANSWER_BYTES


def test_versions_leave_room_for_the_other_fields() -> None:
    versions = [VersionView(at=AT, by=USER, text="x" * 1_000)] * 300
    fits = response_size.fitting_range(versions, 0, beside=LARGEST)
    assert size(LARGEST) + sum(map(size, versions[: fits.stop])) <= ENTRIES_BYTES
    assert 1 < fits.stop < len(response_size.fitting_range(versions, 0))


def test_page_of_participants_with_many_intervals_fits() -> None:
    stays: list[tuple[int, int | None]] = [(2**53, 2**53)] * INTERVALS_SHOWN
    people = [ParticipantView(user_id=USER, role="member", present=True, intervals=stays)] * 200
    assert sum(map(size, people[: response_size.fitting_range(people, 0).stop])) <= response_size.PAGE_BYTES


async def get(who: Person, here: str, **asked: Any) -> dict[str, Any]:
    data: dict[str, Any] = (await who.ask("conversation:get", conversation_id=here, **asked))["data"]
    return data


async def test_participants_are_paged_completely(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    here = await room(ann, *(f"user{n}" for n in range(7)))
    first = await get(ann, here, limit=3)
    assert (len(first["participants"]), first["more"]) == (3, True)
    await do(ann, "conversation:add-participants", here, participants=["zoe"])
    await do(ann, "conversation:remove-participants", here, participants=["user0"])
    await pushed_change(ann, here, 3)
    people = first["participants"]
    while (page := await get(ann, here, limit=3, after=len(people)))["more"]:
        people += page["participants"]
    people += page["participants"]
    names = [one["user_id"] for one in people]
    assert sorted(names) == sorted(["ann", "zoe", *(f"user{n}" for n in range(7))])
    assert names[-1] == "zoe"


async def test_page_of_participants_ends_at_its_byte_limit(
    running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_size.fitting_range, "__defaults__", (500,))
    (ann,) = await come(running[1], "ann")
    here = await room(ann, *(f"user{n}" for n in range(20)))
    found = await get(ann, here)
    assert 1 < len(found["participants"]) < 10
    assert found["more"]


async def test_only_newest_intervals_of_a_participant_are_shown(
    running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.conversations.conversation_rows.INTERVALS_SHOWN", 2)
    (ann,) = await come(running[1], "ann")
    here = await room(ann, "ben")
    for n in range(3):
        await said(ann, here, f"m{n}")
        await do(ann, "conversation:remove-participants", here, participants=["ben"], client_key=f"out {n}")
        await do(ann, "conversation:add-participants", here, participants=["ben"], client_key=f"in {n}")
    await pushed_change(ann, here, 7)
    ben = next(one for one in (await get(ann, here))["participants"] if one["user_id"] == "ben")
    assert ben["intervals"] == [[3, 3], [4, None]]


async def test_too_large_root_beside_an_answer_is_left_out(
    running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    (ann,) = await come(running[1], "ann")
    here = await room(ann, "ben")
    root = await said(ann, here, "r" * 100)
    await said(ann, here, "an answer", reply_to=root)
    about = {"conversation_id": here, "message_id": root}
    assert (await ann.ask("message:thread", **about))["data"]["root"]["message_id"] == root
    monkeypatch.setattr(history, "ENTRIES_BYTES", 700)
    found = (await ann.ask("message:thread", **about))["data"]
    assert (found["root"], [one["text"] for one in found["messages"]]) == (None, ["an answer"])


async def test_found_messages_end_at_their_byte_limit(
    running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_size.fitting_range, "__defaults__", (1_000,))
    (ann,) = await come(running[1], "ann")
    here = await room(ann, "ben")
    for n in range(8):
        await said(ann, here, f"zebra {n}")

    async def found() -> list[Any]:
        answer = await ann.ask("search:messages", text="zebra", limit=50)
        assert len(msgspec.json.encode(answer)) < 2_000
        return list(answer["data"]["messages"])

    assert len(await found()) < 8


async def test_sync_of_too_many_conversations_is_refused(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    many = {f"00000000-0000-5000-8000-{n:012x}": {"conversation": 1} for n in range(1_001)}
    answer = await ann.ask("sync", positions=many)
    assert answer["error"]["code"] == "validation_failed"
    assert answer["error"]["errors"] == [{"pointer": "/data/positions", "code": "bounds"}]


async def test_group_has_the_member_limit_of_its_node(running: tuple[World, Node]) -> None:
    world, _ = running
    node = world.node("two", letting_in=JoinPolicy(members=3))
    await node.start()
    (ann,) = await come(node, "ann")
    assert ann.of("hello")[0]["data"]["limits"]["members"] == 3
    answer = await ann.ask("conversation:create", participants=["ben", "cy", "eve"], client_key="four")
    assert answer["error"]["code"] == "member_limit"
    here = await room(ann, "ben")
    assert await do(ann, "conversation:add-participants", here, participants=["cy", "eve"]) == "member_limit"
    assert await do(ann, "conversation:add-participants", here, participants=["cy"], client_key="k") == "accepted"
    await pushed_change(ann, here, 2)
    assert await do(ann, "conversation:add-participants", here, participants=["eve"]) == "member_limit"
    await do(ann, "conversation:remove-participants", here, participants=["ben"])
    await pushed_change(ann, here, 3)
    assert await do(ann, "conversation:add-participants", here, participants=["eve"], client_key="e") == "accepted"
    await node.stop()
