"""A list of conversations has for each member their unread messages, mentions and the last message."""

from typing import Any

import pytest

from core.ports.documents import TableGeneration
from edge.socket.node import Node
from projections.messages import message_rows
from projections.queries import conversation_list, response_size
from tests.edge.socket.asking import come, said, shown
from tests.edge.socket.delivery.test_cursors import heard
from tests.edge.socket.world import Person, World, room, send, sent_head
from tests.eventually import eventually

NOW = {"unread", "mentions", "last_message"}


async def listed(who: Person, **asked: Any) -> list[dict[str, Any]]:
    answer = await who.ask("conversation:list", **asked)
    assert answer["type"] == "ack", answer
    found: list[dict[str, Any]] = answer["data"]["conversations"]
    return found


async def counts(who: Person, here: str) -> tuple[int, int, str | None]:
    """Return unread, mentions, and the last message's text, which are equal in list and get."""
    one = await shown(who, here)
    (same,) = [each for each in await listed(who) if each["conversation_id"] == here]
    own = {name: one[name] for name in ("seq", "inbox", *NOW)}
    assert own == {name: same[name] for name in own}
    last = one["last_message"]
    return one["unread"], one["mentions"], None if last is None else last["text"]


async def act(who: Person, kind: str, here: str, **data: Any) -> None:
    """Do something to the own inbox, and wait for its push."""
    n = len(who.of("inbox:changed"))
    answer = await who.ask(kind, conversation_id=here, **data)
    assert answer["type"] == "ack", answer
    await eventually(lambda: len(who.of("inbox:changed")) > n)


async def test_unread_counts_messages_after_last_read_or_sent(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    assert await counts(ben, here) == (0, 0, None)
    for key in "1234":
        await said(ann, here, key)
    assert await counts(ann, here) == (0, 0, "4")
    assert await counts(ben, here) == (4, 0, "4")
    await act(ben, "message:read", here, seq=3)
    assert await counts(ben, here) == (1, 0, "4")
    assert (await shown(ben, here))["inbox"]["read"] == 3
    await said(ben, here, "5")
    assert await counts(ben, here) == (0, 0, "5")
    assert await counts(ann, here) == (1, 0, "5")
    await act(ann, "message:read", here, seq=1)
    assert await counts(ann, here) == (1, 0, "5")


async def test_mentions_count_unread_messages_that_name_the_user_now(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    ids = [await said(ann, here, text) for text in ("@ben 1", "@ben 2", "3", "@ben 4", "@ann 5", "@ben 6")]
    assert await counts(ben, here) == (6, 4, "@ben 6")
    await act(ben, "message:read", here, seq=1)
    assert await counts(ben, here) == (5, 3, "@ben 6")
    await ann.ask("message:edit", conversation_id=here, message_id=ids[3], text="nobody")
    await ann.ask("message:delete", conversation_id=here, message_id=ids[1])
    await eventually(lambda: ben.lane("edited", here) == ben.lane("deleted", here) == [1])
    assert await counts(ben, here) == (5, 1, "@ben 6")
    await act(ben, "message:hide", here, message_id=ids[5])
    assert await counts(ben, here) == (5, 0, "@ann 5")
    await act(ben, "message:read", here, seq=6)
    assert await counts(ben, here) == (0, 0, "@ann 5")


async def test_edit_that_names_the_user_is_a_mention_while_unread(
    running: tuple[World, Node],
) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    ids = [await said(ann, here, text) for text in ("1", "2", "@ben 3")]
    assert await counts(ben, here) == (3, 1, "@ben 3")

    async def edit(message: str, text: str) -> None:
        n = len(ben.lane("edited", here))
        await ann.ask("message:edit", conversation_id=here, message_id=message, text=text)
        await eventually(lambda: len(ben.lane("edited", here)) > n)

    await edit(ids[0], "@ben 1")
    assert await counts(ben, here) == (3, 2, "@ben 3")
    await edit(ids[0], "@ben 1!")
    await edit(ids[2], "@ben 3!")
    assert await counts(ben, here) == (3, 2, "@ben 3!")
    await act(ben, "message:read", here, seq=1)
    assert await counts(ben, here) == (2, 1, "@ben 3!")
    await edit(ids[0], "@ben, once more")
    assert await counts(ben, here) == (2, 1, "@ben 3!")
    await edit(ids[1], "@ben 2")
    assert await counts(ben, here) == (2, 2, "@ben 3!")
    await edit(ids[1], "nobody")
    assert await counts(ben, here) == (2, 1, "@ben 3!")
    await ann.ask("message:delete", conversation_id=here, message_id=ids[2])
    await eventually(lambda: ben.lane("deleted", here) == [1])
    assert await counts(ben, here) == (2, 0, None)


async def test_new_member_has_no_unread_from_before(running: tuple[World, Node]) -> None:
    found, node = running
    ann, eve = await come(node, "ann", "eve")
    here = await room(ann)
    await said(ann, here, "@eve before")
    await eventually(lambda: sent_head(found, here) == 1)
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["eve"])
    await eventually(lambda: len(eve.of("conversation:updated")) == 1)
    assert await counts(eve, here) == (0, 0, None)
    await said(ann, here, "after @eve")
    assert await counts(eve, here) == (1, 1, "after @eve")


async def test_former_member_has_no_unread(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    await said(ann, here, "1")
    await eventually(lambda: sent_head(found, here) == 1)
    await ben.ask("conversation:leave", conversation_id=here)
    await eventually(lambda: ben.lane("conversation", here) == [1, 2])
    one = await shown(ben, here)
    assert [one[name] for name in ("inbox", *NOW)] == [None] * 4
    assert await listed(ben) == []


async def test_list_has_archived_conversations_or_the_others(
    running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_list, "BATCH_SIZE", 2)
    (ann,) = await come(running[1], "ann")
    rooms = [await opened(ann, str(n)) for n in range(5)]
    for n, key in enumerate(rooms):
        await send(ann, key, str(n))
    await eventually(lambda: len(ann.of("message:new")) == 5)
    rooms.reverse()
    for key in rooms[1::2]:
        await act(ann, "conversation:archive", key)
    await act(ann, "conversation:mute", rooms[0])

    async def ids(**asked: Any) -> list[str]:
        return [one["conversation_id"] for one in await listed(ann, **asked)]

    assert await ids() == rooms
    assert await ids(archived=True) == rooms[1::2]
    assert await ids(archived=False) == rooms[::2]
    page = (await ann.ask("conversation:list", archived=False, limit=2))["data"]
    assert [one["conversation_id"] for one in page["conversations"]] == rooms[:3:2]
    assert await ids(archived=False, limit=2, after=page["after"]) == [rooms[4]]
    inboxes = {one["conversation_id"]: one["inbox"] for one in await listed(ann)}
    assert [inboxes[key]["archived"] for key in rooms] == [False, True, False, True, False]
    assert [inboxes[key]["muted"] for key in rooms] == [True, False, False, False, False]


async def opened(who: Person, key: str) -> str:
    answer = await who.ask("conversation:create", client_key=key)
    here: str = answer["data"]["conversation_id"]
    await eventually(lambda: who.lane("conversation", here) == [1])
    return here


async def test_list_with_large_last_messages_ends_early(
    running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_size.fitting_range, "__defaults__", (4_000,))
    (ann,) = await come(running[1], "ann")
    rooms = [await opened(ann, str(n)) for n in range(3)]
    for key in rooms:
        await ann.ask("message:send", conversation_id=key, client_msg_id="k", text="x" * 1_000)
        await eventually(lambda: ann.lane("sent", key) == [1])  # noqa: B023
    rooms.reverse()
    page = (await ann.ask("conversation:list"))["data"]
    assert [one["conversation_id"] for one in page["conversations"]] == rooms[:2]
    rest = (await ann.ask("conversation:list", after=page["after"]))["data"]
    assert ([one["conversation_id"] for one in rest["conversations"]], rest["after"]) == (rooms[2:], None)


async def test_list_takes_a_constant_number_of_reads(
    running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    calls: list[str] = []
    get, find = found.documents.get, found.documents.find

    async def counted_get(place: TableGeneration, ids: Any) -> Any:
        calls.append(place.table.name)
        return await get(place, ids)

    async def counted_find(place: TableGeneration, *asked: Any, **more: Any) -> Any:
        calls.append(f"{place.table.name} found")
        return await find(place, *asked, **more)

    for n in range(12):
        key = (await ann.ask("conversation:create", participants=["ben"], client_key=str(n)))["data"]["conversation_id"]
        await said(ann, key, f"@ben {n}")
    await eventually(lambda: len(ben.of("message:new")) == 12)
    monkeypatch.setattr(found.documents, "get", counted_get)
    monkeypatch.setattr(found.documents, "find", counted_find)
    assert [(one["unread"], one["mentions"]) for one in await listed(ben)] == [(1, 1)] * 12
    assert sorted(calls) == ["acts", "heads", "heads", "inbox", "inbox found", "marks", "messages"]
    calls.clear()
    await listed(ben)  # without new messages the order needs no read
    assert sorted(calls) == ["acts", "heads", "inbox", "inbox found", "marks", "messages"]


async def test_last_message_is_found_without_its_head(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    await said(ann, here, "1")
    await said(ann, here, "2")
    head = found.documents._rows[message_rows.MODEL, "heads", 1][here]["sent"]
    row = (await found.documents.get(TableGeneration(message_rows.ROWS, 1), [head["id"]]))[head["id"]]
    assert row["sent"]["n"] == head["n"] == 2
    del found.documents._rows[message_rows.MODEL, "heads", 1][here]["sent"]["id"]
    assert await counts(ben, here) == (2, 0, "2")


async def test_thread_is_read_separately(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    root = await said(ann, here, "1")
    answers = [await said(ann, here, key, reply_to=root) for key in "234"]

    async def thread() -> tuple[int, int]:
        data = (await ben.ask("message:thread", conversation_id=here, message_id=root, limit=1))["data"]
        return data["read"], data["unread"]

    assert await thread() == (0, 3)
    await act(ben, "message:read", here, seq=2, thread=answers[2])
    assert await thread() == (2, 2)
    assert await counts(ben, here) == (4, 0, "4")
    await act(ben, "message:read", here, seq=1, thread=root)
    assert await thread() == (2, 2)
    await act(ben, "message:read", here, seq=3)
    assert await thread() == (3, 1)
    await act(ben, "message:read", here, seq=99, thread=root)
    assert await thread() == (4, 0)
    assert await counts(ben, here) == (1, 0, "4")
    assert [one["data"]["thread"] for one in ben.of("inbox:changed")] == [root, root, None, root]
    await eventually(lambda: heard(ann, "ben") == [(3, 3)])
    await said(ann, here, "5", reply_to=root)
    await said(ben, here, "6")
    assert await thread() == (4, 0)


async def test_unread_replies_are_those_of_the_users_intervals(running: tuple[World, Node]) -> None:
    ann, eve = await come(running[1], "ann", "eve")
    here = await room(ann, "ben")
    root = await said(ann, here, "1")
    await said(ann, here, "2", reply_to=root)
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["eve"])
    await eventually(lambda: bool(eve.of("conversation:updated")))
    late = await said(ann, here, "3", reply_to=root)
    await ann.ask("conversation:remove-participants", conversation_id=here, participants=["eve"])
    await eventually(lambda: len(eve.of("conversation:updated")) == 2)
    await said(ann, here, "4", reply_to=root)
    data = (await eve.ask("message:thread", conversation_id=here, message_id=late))["data"]
    assert (data["read"], data["unread"], [one["seq"] for one in data["messages"]]) == (0, 1, [3])
    await act(eve, "message:read", here, seq=99, thread=late)
    data = (await eve.ask("message:thread", conversation_id=here, message_id=late))["data"]
    assert (data["read"], data["unread"]) == (3, 0)
    answer = await eve.ask("message:read", conversation_id=here, seq=1, thread=root)
    assert answer["error"]["code"] == "message_not_found"
