"""History at a node: pages by number and threads, across the gaps of membership intervals, and all rejections."""

from typing import Any

import pytest

from edge.socket.node import Node
from projections.queries import response_size
from tests.edge.socket.test_messages import ABSENT, people, push_of, refused, say
from tests.edge.socket.world import Person, World, room, send, sent_head
from tests.eventually import eventually


async def page(who: Person, here: str, **asked: int) -> tuple[list[int], bool, bool]:
    """Return the numbers of a page, and whether there is more before and after."""
    answer = await who.ask("message:history", conversation_id=here, **asked)
    assert answer["type"] == "ack", answer
    data = answer["data"]
    return [one["seq"] for one in data["messages"]], data["more_before"], data["more_after"]


async def add_and_remove(found: World, ann: Person, here: str, user: str, *texts: str) -> None:
    """Add a user, send these texts, and remove the user."""
    people = {"conversation_id": here, "participants": [user]}
    assert (await ann.ask("conversation:add-participants", **people))["type"] == "ack"
    n = sent_head(found, here)
    await send(ann, here, *texts)
    await eventually(lambda: sent_head(found, here) == n + len(texts))
    assert (await ann.ask("conversation:remove-participants", **people))["type"] == "ack"


async def test_history_goes_back_and_forth_by_number(running: tuple[World, Node]) -> None:
    ann, ben = await people(running, "ann", "ben")
    here = await room(ann, "ben")
    assert await page(ben, here) == ([], False, False)
    await send(ann, here, *map(str, range(1, 8)))
    await eventually(lambda: sent_head(running[0], here) == 7)
    assert await page(ben, here) == ([1, 2, 3, 4, 5, 6, 7], False, False)
    assert await page(ben, here, limit=3) == ([5, 6, 7], True, False)
    assert await page(ben, here, limit=3, before=5) == ([2, 3, 4], True, True)
    assert await page(ben, here, limit=3, before=2) == ([1], False, True)
    assert await page(ben, here, limit=3, after=0) == ([1, 2, 3], False, True)
    assert await page(ben, here, limit=3, after=4) == ([5, 6, 7], True, False)
    assert await page(ben, here, limit=3, after=7) == ([], True, False)
    assert await page(ben, here, limit=3, around=4) == ([3, 4, 5], True, True)
    assert await page(ben, here, limit=3, around=1) == ([1, 2, 3], False, True)


async def test_page_has_messages_as_they_are_now(running: tuple[World, Node]) -> None:
    ann, ben = await people(running, "ann", "ben")
    here = await room(ann, "ben")
    edited, gone = await say(ann, here, "1", text="one"), await say(ann, here, "2", text="two")
    await ann.ask("message:edit", conversation_id=here, message_id=edited, text="other")
    await push_of(ann, "message:new", gone)
    await ann.ask("message:delete", conversation_id=here, message_id=gone)
    views = [await push_of(ben, "message:edited", edited), await push_of(ben, "message:deleted", gone)]
    answer = await ben.ask("message:history", conversation_id=here)
    assert answer["data"]["messages"] == views


async def test_pages_join_the_membership_intervals_of_a_returning_user(running: tuple[World, Node]) -> None:
    found, _ = running
    ann, eve = await people(running, "ann", "eve")
    here = await room(ann, "ben")
    await send(ann, here, "before")
    await eventually(lambda: sent_head(found, here) == 1)
    await add_and_remove(found, ann, here, "eve", "2", "3")
    await send(ann, here, "4", "5", "6")
    await eventually(lambda: sent_head(found, here) == 6)
    await add_and_remove(found, ann, here, "eve", "7", "8")
    await send(ann, here, "9")
    await eventually(lambda: sent_head(found, here) == 9)
    assert await page(eve, here) == ([2, 3, 7, 8], False, False)
    assert await page(eve, here, limit=2) == ([7, 8], True, False)
    assert await page(eve, here, limit=2, before=7) == ([2, 3], False, True)
    assert await page(eve, here, limit=2, before=8) == ([3, 7], True, True)
    assert await page(eve, here, limit=3, after=2) == ([3, 7, 8], True, False)
    assert await page(eve, here, limit=2, around=5) == ([3, 7], True, True)


async def test_page_with_large_messages_is_shorter(
    running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_size.fitting_range, "__defaults__", (3_000,))
    ann, _ = await people(running, "ann", "ben")
    here = await room(ann, "ben")
    for n in range(5):
        await say(ann, here, str(n), text="x" * 1_000)
    await eventually(lambda: sent_head(running[0], here) == 5)
    assert await page(ann, here) == ([4, 5], True, False)
    assert await page(ann, here, after=0) == ([1, 2], False, True)
    assert await page(ann, here, around=3) == ([3, 4], True, True)


async def test_page_with_two_ends_is_rejected(running: tuple[World, Node]) -> None:
    (ann,) = await people(running, "ann")
    here = await room(ann)
    for asked, field in (({"before": 1, "after": 1}, "after"), ({"around": 1, "after": 0}, "around")):
        assert await refused(ann, "message:history", conversation_id=here, **asked) == (
            "validation_failed",
            [{"pointer": f"/data/{field}", "code": "value"}],
        )


async def test_thread_is_read_page_by_page(running: tuple[World, Node]) -> None:
    ann, ben = await people(running, "ann", "ben")
    here = await room(ann, "ben")
    root = await say(ann, here, "0", text="root")
    answers = [await say(ben, here, str(n), text=str(n), reply_to=root) for n in range(5)]
    await say(ann, here, "else", text="else")
    await eventually(lambda: sent_head(running[0], here) == 7)

    async def thread(**asked: int) -> dict[str, Any]:
        data: dict[str, Any] = (
            await ann.ask("message:thread", conversation_id=here, message_id=root, limit=2, **asked)
        )["data"]
        return data

    seen, after, more = list[str](), 0, True
    while more:
        data = await thread(after=after)
        assert data["root"]["message_id"] == root
        assert 0 < len(data["messages"]) <= 2
        seen += [one["message_id"] for one in data["messages"]]
        after, more = data["messages"][-1]["seq"], data["more_after"]
    assert seen == answers
    assert (await thread(after=6))["messages"] == []


async def test_thread_has_the_answers_of_the_users_membership_intervals(running: tuple[World, Node]) -> None:
    found, _ = running
    ann, eve = await people(running, "ann", "eve")
    here = await room(ann, "ben", "eve")
    root = await say(ann, here, "0", text="root")
    first = await say(ann, here, "1", text="1", reply_to=root)
    await eventually(lambda: sent_head(found, here) == 2)
    people_of = {"conversation_id": here, "participants": ["eve"]}
    await ann.ask("conversation:remove-participants", **people_of)
    for n in range(2, 9):
        unread = await say(ann, here, str(n), text=str(n), reply_to=root)
    await eventually(lambda: sent_head(found, here) == 9)
    await ann.ask("conversation:add-participants", **people_of)
    last = await say(ann, here, "9", text="9", reply_to=unread)
    await eventually(lambda: sent_head(found, here) == 10)
    await push_of(eve, "message:new", last)
    for limit in (1, 2, 50):
        data = (await eve.ask("message:thread", conversation_id=here, message_id=root, limit=limit))["data"]
        assert [one["message_id"] for one in data["messages"]] == [first, last][:limit]
        assert data["more_after"] == (limit == 1)
    by_answer = (await eve.ask("message:thread", conversation_id=here, message_id=unread))["data"]
    assert (by_answer["root"]["message_id"], len(by_answer["messages"])) == (root, 2)


async def test_user_added_after_a_threads_root_reads_its_answers_and_answers_it(running: tuple[World, Node]) -> None:
    found, _ = running
    ann, fay = await people(running, "ann", "fay")
    here = await room(ann, "ben")
    root, alone = await say(ann, here, "0", text="root"), await say(ann, here, "1", text="alone")
    await eventually(lambda: sent_head(found, here) == 2)
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["fay"])
    mine = await say(fay, here, "2", text="mine", reply_to=root)
    await push_of(fay, "message:new", mine)
    data = (await fay.ask("message:thread", conversation_id=here, message_id=mine))["data"]
    assert (data["root"], [one["message_id"] for one in data["messages"]]) == (None, [mine])
    for more in ({}, {"after": 1}, {"after": 99}, {"limit": 1}):
        code, why = await refused(fay, "message:thread", conversation_id=here, message_id=alone, **more)
        of_none = await refused(fay, "message:thread", conversation_id=here, message_id=ABSENT, **more)
        assert (code, str(why).replace(alone, ABSENT)) == ("message_not_found", str(of_none[1]))
    beyond = (await fay.ask("message:thread", conversation_id=here, message_id=root, after=99))["data"]
    assert (beyond["root"], beyond["messages"], beyond["more_after"]) == (None, [], False)


async def test_versions_that_do_not_fit_are_read_in_further_answers(running: tuple[World, Node]) -> None:
    (ann,) = await people(running, "ann")
    here = await room(ann)
    message = await say(ann, here, "0", text="0" * 20_000)
    for n in range(1, 20):
        text = str(n % 10) * 20_000
        await ann.ask("message:edit", conversation_id=here, message_id=message, text=text, client_key=str(n))
    about = {"conversation_id": here, "message_id": message}
    await eventually(lambda: len(ann.lane("edited", here)) == 19)
    seen, more = list[str](), True
    while more:
        data = (await ann.ask("message:get", **about, after=len(seen)))["data"]
        assert len(data["versions"]) <= response_size.PAGE_BYTES // 20_000
        seen, more = [*seen, *(version["text"][0] for version in data["versions"])], data["more"]
    assert seen == [str(n % 10) for n in range(20)]


@pytest.mark.parametrize("kind", ["message:get", "message:thread", "message:history"])
async def test_user_who_was_never_a_member_reads_nothing(running: tuple[World, Node], kind: str) -> None:
    ann, eve = await people(running, "ann", "eve")
    here = await room(ann, "ben")
    message = await say(ann, here, "1", text="hi")
    named = {} if kind == "message:history" else {"message_id": message}
    assert (await refused(eve, kind, conversation_id=here, **named))[0] == "not_a_participant"
    assert (await refused(eve, kind, conversation_id=ABSENT, **named))[0] == "conversation_not_found"


@pytest.mark.parametrize("kind", ["message:get", "message:thread"])
async def test_missing_message_is_not_found(running: tuple[World, Node], kind: str) -> None:
    (ann,) = await people(running, "ann")
    here = await room(ann)
    other = (await ann.ask("conversation:create", client_key="other"))["data"]["conversation_id"]
    await eventually(lambda: ann.lane("conversation", other) == [1])
    elsewhere = await say(ann, other, "1", text="hi")
    for message in (ABSENT, elsewhere):
        assert (await refused(ann, kind, conversation_id=here, message_id=message))[0] == "message_not_found"


async def test_message_is_found_once_it_is_accepted(running: tuple[World, Node]) -> None:
    (ann,) = await people(running, "ann")
    here = await room(ann)
    for n in range(20):
        message = await say(ann, here, str(n), text=str(n))
        found = (await ann.ask("message:get", conversation_id=here, message_id=message))["data"]
        assert found["message"]["seq"] == n + 1
