"""The list of a user's conversations: by last activity, with all its fields, also of conversations they have left."""

from typing import Any

import pytest

from core.domain import inbox
from edge.socket.node import Node
from schemas.events.inbox import ConversationArchived
from tests.edge.socket.asking import come, do, pushed_change, said, shown
from tests.edge.socket.own import AT, act
from tests.edge.socket.test_conversations import opened_directly
from tests.edge.socket.world import TENANT, Person, World, room, send
from tests.eventually import eventually


async def page(who: Person, **asked: Any) -> dict[str, Any]:
    answer = await who.ask("conversation:list", **asked)
    assert answer["type"] == "ack", answer
    data: dict[str, Any] = answer["data"]
    return data


async def ids(who: Person, **asked: Any) -> list[str]:
    return [one["conversation_id"] for one in (await page(who, **asked))["conversations"]]


async def opened(who: Person, *others: str, key: str) -> str:
    answer = await who.ask("conversation:create", participants=list(others), client_key=key)
    here: str = answer["data"]["conversation_id"]
    await pushed_change(who, here, 1)
    return here


async def test_own_message_moves_its_conversation_to_the_top(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    rooms = [await opened(ann, "ben", key=str(n)) for n in range(4)]
    assert sorted(await ids(ann)) == sorted(rooms)
    for n, here in enumerate((rooms[2], rooms[0], rooms[3], rooms[2])):
        await send(ann, here, f"text {n}")
        assert (await ids(ann))[0] == here
    assert (await ids(ann))[:3] == [rooms[2], rooms[3], rooms[0]]


async def test_message_of_another_user_moves_its_conversation_to_the_top(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    rooms = [await opened(ann, "ben", key=str(n)) for n in range(3)]
    for n, here in enumerate(rooms):
        await said(ann, here, f"first {n}")
    assert await ids(ben) == rooms[::-1]
    await said(ann, rooms[0], "again")
    await eventually(lambda: "again" in ben.texts())
    found = (await page(ben))["conversations"]
    assert [one["conversation_id"] for one in found] == [rooms[0], rooms[2], rooms[1]]
    assert [one["active_at"] for one in found] == [one["last_message"]["at"] for one in found]


async def test_edit_moves_no_conversation(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    rooms = [await opened(ann, "ben", key=str(n)) for n in range(2)]
    messages = [await said(ann, here, "text") for here in rooms]
    await do(ann, "message:edit", rooms[0], message_id=messages[0], text="other")
    await eventually(lambda: ann.lane("edited", rooms[0]) == [1])
    assert await ids(ann) == rooms[::-1]


async def test_conversation_that_moves_between_pages_is_listed(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    rooms = [await opened(ann, "ben", key=str(n)) for n in range(7)]
    for n, here in enumerate(rooms):
        await said(ann, here, f"first {n}")
    first = await page(ann, limit=3)
    await said(ann, rooms[0], "moves from the last place to the first")
    listed, after = [one["conversation_id"] for one in first["conversations"]], first["after"]
    assert listed == rooms[:3:-1]
    while after is not None:
        one = await page(ann, limit=3, after=after)
        listed += [each["conversation_id"] for each in one["conversations"]]
        after = one["after"]
    assert listed == [*rooms[:3:-1], rooms[0], *rooms[3:0:-1]]


async def test_direct_conversation_names_the_other_user(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    pair = await opened_directly(ann, "ben")
    await pushed_change(ben, pair, 1)
    group = await room(ann, "ben")
    for who, other in ((ann, "ben"), (ben, "ann")):
        found = {one["conversation_id"]: one["other"] for one in (await page(who))["conversations"]}
        assert found == {pair: other, group: None}
        assert (await who.ask("conversation:get", conversation_id=pair))["data"]["other"] == other


async def test_totals_count_all_selected_conversations_on_any_page(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    rooms = [await opened(ann, "ben", key=str(n)) for n in range(4)]
    for here in rooms[:3]:
        await said(ann, here, "plain")
        await said(ann, here, "to @ben")
    await eventually(lambda: len(ben.of("message:new")) == 6)
    await do(ben, "message:read", rooms[0], seq=2)
    await do(ben, "conversation:archive", rooms[1])
    assert (await page(ben))["totals"] is None
    every = {"conversations": 4, "unread": 4, "unread_conversations": 2, "mentions": 2}
    assert (await page(ben, totals=True, limit=1))["totals"] == every
    away = {"conversations": 1, "unread": 2, "unread_conversations": 1, "mentions": 1}
    assert (await page(ben, totals=True, archived=True))["totals"] == away
    here = {"conversations": 3, "unread": 2, "unread_conversations": 1, "mentions": 1}
    assert (await page(ben, totals=True, archived=False))["totals"] == here


async def test_left_conversations_are_listed_on_request(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    rooms = [await opened(ann, "ben", key=str(n)) for n in range(3)]
    for here in rooms[:2]:
        await said(ann, here, "while he was in it")
        await do(ben, "conversation:leave", here)
        await pushed_change(ben, here, 2)
        await said(ann, here, "when he was gone")
    assert await ids(ben) == rooms[2:]
    first = await page(ben, present=False, limit=1, totals=True)
    assert first["totals"]["conversations"] == 2
    rest = await page(ben, present=False, limit=1, after=first["after"])
    found = first["conversations"] + rest["conversations"]
    assert rest["after"] is None
    assert sorted(one["conversation_id"] for one in found) == sorted(rooms[:2])
    assert [(one["seq"], one["n"], one["active_at"], one["last_message"]) for one in found] == [(1, 2, None, None)] * 2
    assert await ids(ann, present=False) == []


async def test_forged_cursor_is_rejected(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    answer = await ann.ask("conversation:list", after="6f1d1f8a-0000-5000-8000-000000000001")
    assert answer["error"]["errors"] == [{"pointer": "/data/after", "code": "value"}]


async def archive(who: Person, here: str, *, keep: bool = False) -> None:
    assert await do(who, "conversation:archive", here, keep_archived=keep) == "accepted"
    assert await ids(who, archived=True) == [here]
    assert await ids(who, archived=False) == []


async def is_back(who: Person, here: str) -> None:
    assert await ids(who, archived=True) == []
    (one,) = (await page(who, archived=False))["conversations"]
    assert (one["conversation_id"], one["inbox"]["archived"], one["inbox"]["archived_seq"]) == (here, False, None)
    assert (await shown(who, here))["inbox"] == one["inbox"]
    for archived, count in ((True, 0), (False, 1)):
        assert (await page(who, archived=archived, totals=True))["totals"]["conversations"] == count


async def is_archived(who: Person, here: str) -> None:
    assert await ids(who, archived=False) == []
    (one,) = (await page(who, archived=True))["conversations"]
    assert (one["conversation_id"], one["inbox"]["archived"]) == (here, True)
    assert (await shown(who, here))["inbox"] == one["inbox"]
    for archived, count in ((True, 1), (False, 0)):
        assert (await page(who, archived=archived, totals=True))["totals"]["conversations"] == count


async def test_own_message_unarchives_a_conversation(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    here = await opened(ann, "ben", key="1")
    for n, more in enumerate(({}, {"keep": True}, {"muted": True})):
        await send(ann, here, f"before {n}")
        if more.pop("muted", False):
            await do(ann, "conversation:mute", here)
        await archive(ann, here, **more)
        await send(ann, here, f"after {n}")
        await is_back(ann, here)


async def test_message_of_another_user_unarchives_unless_muted_or_kept(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await opened(ann, "ben", key="1")
    await pushed_change(ben, here, 1)
    await said(ann, here, "before")
    for n, (command, keep) in enumerate((("unmute", False), ("mute", False), ("unmute", True))):
        await do(ben, f"conversation:{command}", here)
        await archive(ben, here, keep=keep)
        await said(ann, here, f"after {n}")
        await eventually(lambda n=n: f"after {n}" in ben.texts())
        await (is_archived if n else is_back)(ben, here)


async def test_unmuting_unarchives_a_conversation_with_newer_messages(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await opened(ann, "ben", key="1")
    await pushed_change(ben, here, 1)
    await do(ben, "conversation:mute", here)
    await archive(ben, here)
    await said(ann, here, "meanwhile")
    await eventually(lambda: ben.texts() == ["meanwhile"])
    await is_archived(ben, here)
    await do(ben, "conversation:unmute", here)
    await is_back(ben, here)


async def test_archiving_without_a_message_number_is_permanent(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await opened(ann, "ben", key="1")
    await pushed_change(ben, here, 1)
    await act(found, ConversationArchived(tenant=TENANT, at=AT, user_id="ben", conversation_id=here, on=True))
    await eventually(lambda: ben.of("inbox:changed"))
    for who in (ann, ben):
        await said(who, here, f"by {who.user}")
    await eventually(lambda: len(ben.texts()) == 2)
    await is_archived(ben, here)


async def test_message_before_the_user_returned_unarchives_nothing(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await opened(ann, "ben", key="1")
    await pushed_change(ben, here, 1)
    await archive(ben, here)
    await do(ann, "conversation:remove-participants", here, participants=["ben"])
    await said(ann, here, "without ben")
    await do(ann, "conversation:add-participants", here, participants=["ben"])
    await pushed_change(ben, here, 3)
    await is_archived(ben, here)
    await said(ann, here, "with ben")
    await eventually(lambda: "with ben" in ben.texts())
    await is_back(ben, here)


async def test_last_pinned_conversation_is_first_on_all_devices(running: tuple[World, Node]) -> None:
    ann, other = await come(running[1], "ann", "ann")
    rooms = [await opened(ann, "ben", key=str(n)) for n in range(4)]
    for n, here in enumerate(rooms):
        await said(ann, here, f"first {n}")
    for here in (rooms[1], rooms[0], rooms[1]):
        assert await do(ann, "conversation:pin", here) == "accepted"
    wanted = [rooms[0], rooms[1], rooms[3], rooms[2]]
    assert await ids(ann) == await ids(ann, archived=False) == wanted
    await said(ann, rooms[1], "said in a pinned one")
    await said(ann, rooms[2], "said in another")
    wanted = [rooms[0], rooms[1], rooms[2], rooms[3]]
    assert await ids(ann) == wanted
    await eventually(lambda: len(other.of("inbox:changed")) == 3)
    pins = {frame["data"]["conversation_id"]: frame["data"]["pinned"] for frame in other.of("inbox:changed")}
    assert pins == {rooms[1]: 1, rooms[0]: 2}
    found = (await page(ann))["conversations"]
    assert [one["inbox"]["pinned"] for one in found] == [2, 1, None, None]
    paged, after = list[str](), None
    for _ in rooms:
        one = await page(ann, limit=1, after=after)
        paged += [each["conversation_id"] for each in one["conversations"]]
        after = one["after"]
    assert (paged, after) == (wanted, None)
    await do(ann, "conversation:unpin", rooms[0])
    assert await ids(ann) == [rooms[1], rooms[2], rooms[3], rooms[0]]


async def test_left_conversation_does_not_count_towards_the_pin_limit(
    running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MAX_PINS", 2)
    (ann,) = await come(running[1], "ann")
    rooms = [await opened(ann, "ben", key=str(n)) for n in range(4)]
    levels = [await do(ann, "conversation:pin", here) for here in (rooms[0], rooms[1], rooms[1], rooms[2])]
    assert levels == ["accepted", "accepted", "accepted", "pin_limit"]
    await do(ann, "conversation:unpin", rooms[0])
    assert await do(ann, "conversation:pin", rooms[2]) == "accepted"
    await do(ann, "conversation:set-role", rooms[2], participants=["ben"], role="owner")
    assert await do(ann, "conversation:leave", rooms[2]) == "accepted"
    await pushed_change(ann, rooms[2], 3)
    assert await do(ann, "conversation:pin", rooms[3]) == "accepted"
    assert await do(ann, "conversation:pin", rooms[2]) == "not_a_participant"
    assert (await ids(ann))[:2] == [rooms[3], rooms[1]]
