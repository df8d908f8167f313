"""Hidden messages are left out of every answer to their user, and shown to all others."""

from collections.abc import Sequence

import pytest

from edge.socket.node import Node
from projections.inbox import inbox_rows
from projections.queries import inboxes, pagination
from schemas import envelope
from schemas.events import MessageHidden
from tests.contracts.search_index import ids as found_in
from tests.contracts.search_index import query
from tests.edge.socket.asking import come, said, shown
from tests.edge.socket.test_messages import refused
from tests.edge.socket.test_unread import act
from tests.edge.socket.world import TENANT, Person, World, room, sent_head
from tests.eventually import eventually
from tests.given import AT
from tests.projections.queries.test_history import page


@pytest.fixture(autouse=True, params=[200, 2], ids=["many at once", "two at once"])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "BATCH_SIZE", request.param)
    monkeypatch.setattr(pagination, "NUMBERS_BATCH_SIZE", request.param)
    monkeypatch.setattr(inboxes, "LAST_PAGE", request.param)


async def talk(found: World, ann: Person, here: str, most: int) -> list[str]:
    ids = [await said(ann, here, f"text {n}") for n in range(1, most + 1)]
    await eventually(lambda: sent_head(found, here) == most)
    return ids


async def hide(who: Person, here: str, ids: Sequence[str], *seqs: int) -> None:
    for seq in seqs:
        await act(who, "message:hide", here, message_id=ids[seq - 1])


async def test_pages_without_hidden_messages_are_full_and_correct(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    ids = await talk(found, ann, here, 10)
    await hide(ben, here, ids, 1, 2, 5, 6, 7, 10)
    assert await page(ben, here) == ([3, 4, 8, 9], False, False)
    assert await page(ben, here, limit=3) == ([4, 8, 9], True, False)
    assert await page(ben, here, limit=2) == ([8, 9], True, False)
    assert await page(ben, here, limit=2, before=8) == ([3, 4], False, True)
    assert await page(ben, here, limit=1, before=8) == ([4], True, True)
    assert await page(ben, here, limit=3, before=3) == ([], False, True)
    assert await page(ben, here, limit=1, after=4) == ([8], True, True)
    assert await page(ben, here, limit=2, after=4) == ([8, 9], True, False)
    assert await page(ben, here, limit=2, after=9) == ([], True, False)
    assert await page(ben, here, limit=2, after=0) == ([3, 4], False, True)
    assert await page(ben, here, limit=2, around=6) == ([4, 8], True, True)
    assert await page(ben, here, limit=3, around=10) == ([4, 8, 9], True, False)
    assert await page(ben, here, limit=3, around=1) == ([3, 4, 8], False, True)
    assert await page(ann, here) == (list(range(1, 11)), False, False)


async def hidden_of_old(found: World, user: str, here: str, message_id: str) -> None:
    """Return an event without the number of the message that it hides."""
    event = MessageHidden(tenant=TENANT, at=AT, user_id=user, conversation_id=here, message_id=message_id)
    event_id = inbox_rows.hidden_id(TENANT, user, message_id)
    await found.log.append(
        envelope.encode(event, event_id=event_id, source="/test", correlation_id=event_id, actor=user)
    )
    await eventually(lambda: event_id in found.documents._rows.get(("inbox", "acts", 1), {}))


async def test_pages_are_the_same_for_old_events_without_a_number(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    ids = await talk(found, ann, here, 8)
    await hide(ben, here, ids, 1, 4)
    for seq in (2, 5, 8):
        await hidden_of_old(found, "ben", here, ids[seq - 1])
    assert await page(ben, here) == ([3, 6, 7], False, False)
    assert await page(ben, here, limit=1, before=6) == ([3], False, True)
    assert await page(ben, here, limit=1, after=3) == ([6], True, True)
    assert (await shown(ben, here))["last_message"]["seq"] == 7
    again = await ben.ask("message:hide", conversation_id=here, message_id=ids[4])
    assert again["type"] == "ack"  # known by its event's id, whatever the number in it
    await hide(ben, here, ids, 6)
    assert await page(ben, here) == ([3, 7], False, False)
    assert not [one for one in ben.heard if one["type"] == "error"]


async def test_page_reads_no_extra_rows_however_much_is_hidden(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    ids = await talk(found, ann, here, 40)
    await hide(ben, here, ids, *range(3, 39))
    found.documents.found.clear()
    assert await page(ben, here, limit=1, before=39) == ([2], True, True)
    assert await page(ben, here, limit=2, before=40) == ([2, 39], True, True)
    assert await page(ben, here, limit=1, after=2) == ([39], True, True)
    assert (await shown(ben, here))["last_message"]["seq"] == 40
    await hide(ben, here, ids, 40, 39)
    assert (await shown(ben, here))["last_message"]["seq"] == 2
    assert found.documents.found["messages"] <= 1 + 2 + 1 + 1


async def test_pagination_returns_each_other_message_once(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    ids = await talk(found, ann, here, 12)
    hidden = (1, 4, 5, 6, 7, 8, 12)
    await hide(ben, here, ids, *hidden)
    left = [seq for seq in range(1, 13) if seq not in hidden]
    forth, at, more = list[int](), 0, True
    while more:
        seqs, _, more = await page(ben, here, limit=2, after=at)
        assert len(seqs) == 2 or not more
        forth, at = [*forth, *seqs], seqs[-1]
    back, at, more = list[int](), 13, True
    while more:
        seqs, more, _ = await page(ben, here, limit=2, before=at)
        assert len(seqs) == 2 or not more
        back, at = [*seqs, *back], seqs[0]
    assert (forth, back) == (left, left)


async def test_user_who_hid_everything_gets_one_empty_page(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    ids = await talk(found, ann, here, 3)
    await hide(ben, here, ids, 1, 2, 3)
    for asked in ({}, {"before": 3}, {"after": 0}, {"around": 2}):
        assert await page(ben, here, limit=1, **asked) == ([], False, False)
    assert (await shown(ben, here))["last_message"] is None
    assert (await shown(ann, here))["last_message"]["seq"] == 3


async def test_last_message_is_the_last_visible_one(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    ids = await talk(found, ann, here, 5)
    await hide(ben, here, ids, 3, 4, 5)
    assert (await shown(ben, here))["last_message"]["seq"] == 2
    await said(ann, here, "6")
    assert (await shown(ben, here))["last_message"]["seq"] == 6


async def test_hidden_message_is_not_found_by_its_id(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    ids = await talk(found, ann, here, 2)
    await hide(ben, here, ids, 1)
    asked = {"conversation_id": here, "message_id": ids[0]}
    assert (await refused(ben, "message:get", **asked))[0] == "message_not_found"
    assert (await ann.ask("message:get", **asked))["type"] == "ack"
    assert (await ben.ask("message:get", conversation_id=here, message_id=ids[1]))["type"] == "ack"


async def test_thread_omits_hidden_message(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    (root,) = ids = await talk(found, ann, here, 1)
    for n in range(2, 8):
        asked = {"conversation_id": here, "client_msg_id": str(n), "text": str(n), "reply_to": root}
        ids.append((await ann.ask("message:send", **asked))["data"]["message_id"])
    await eventually(lambda: sent_head(found, here) == 7)
    await hide(ben, here, ids, 2, 4, 5)

    async def thread(who: Person, named: str, **more: int) -> tuple[bool, list[int], bool]:
        data = (await who.ask("message:thread", conversation_id=here, message_id=named, **more))["data"]
        return data["root"] is not None, [one["seq"] for one in data["messages"]], data["more_after"]

    assert await thread(ben, root) == (True, [3, 6, 7], False)
    assert await thread(ben, root, limit=2) == (True, [3, 6], True)
    assert await thread(ben, ids[1], limit=2, after=6) == (True, [7], False)
    await hide(ben, here, ids, 1)
    assert await thread(ben, ids[2]) == (False, [3, 6, 7], False)
    assert await thread(ann, root) == (True, [2, 3, 4, 5, 6, 7], False)
    await hide(ben, here, ids, 3, 6, 7)
    assert (await refused(ben, "message:thread", conversation_id=here, message_id=root))[0] == "message_not_found"


async def test_search_omits_hidden_message(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    ids = await talk(found, ann, here, 3)

    async def seqs(who: Person) -> list[int]:
        answer = await who.ask("search:messages", text="text")
        return sorted(one["seq"] for one in answer["data"]["messages"])

    async def indexed() -> bool:
        await found.index.refresh(1)
        return len(await found_in(found.index, 1, query("text", [here], tenant=TENANT))) == 3

    await eventually(indexed)
    assert await seqs(ben) == [1, 2, 3]
    await hide(ben, here, ids, 2)
    assert await seqs(ben) == [1, 3]
    assert await seqs(ann) == [1, 2, 3]
