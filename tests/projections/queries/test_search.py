"""A search finds all messages that its user may read, as they are now, page by page, and does not delay other users."""

from typing import Any

import pytest

from core.ports.search_index import Entry
from edge.socket.node import Node
from projections.queries import search
from projections.queries.time_slices import TimeSlice
from tests.contracts.search_index import ids, query
from tests.edge.socket.asking import come, said
from tests.edge.socket.world import TENANT, Person, World, room, send, sent_head
from tests.eventually import eventually

AHEAD = 1 << 60
"""A version newer than any that the search processor makes here."""


async def found(who: Person, text: str, **more: Any) -> list[str]:
    """Return the texts of all pages."""
    texts, after = list[str](), None
    while True:
        data = (await who.ask("search:messages", text=text, after=after, **more))["data"]
        texts += [one["text"] for one in data["messages"]]
        after = data["after"]
        if after is None:
            return texts


async def indexed(world: World, here: str, text: str, count: int) -> None:
    async def so() -> bool:
        return len(await ids(world.index, 1, query(text, [here], tenant=TENANT))) == count

    await eventually(so)


async def code(who: Person, **data: Any) -> tuple[str, bool, list[dict[str, str]] | None]:
    error = (await who.ask("search:messages", **data))["error"]
    return error["code"], error["retry"], error["errors"]


async def add(ann: Person, here: str, who: Person) -> None:
    await ann.ask("conversation:add-participants", conversation_id=here, participants=[who.user])
    await eventually(lambda: any(one["data"]["conversation_id"] == here for one in who.of("conversation:updated")))


async def test_messages_before_a_user_joined_do_not_fill_their_pages(
    running: tuple[World, Node],
) -> None:
    world, node = running
    ann, cy = await come(node, "ann", "cy")
    here = await room(ann, "ben")
    await send(ann, here, *(f"zebra {n}" for n in range(230)))
    await indexed(world, here, "zebra", 230)
    await eventually(lambda: sent_head(world, here) == 230)
    await add(ann, here, cy)
    later = [f"a much longer text that has a zebra in it {n}" for n in range(3)]
    for text in later:
        await said(ann, here, text)
    await indexed(world, here, "zebra", 233)
    assert await found(cy, "zebra") == later[::-1]
    assert await found(cy, "zebra", limit=2) == later[::-1]
    assert len(await found(ann, "zebra", limit=200)) == 233


async def test_returning_user_finds_messages_of_both_membership_intervals(running: tuple[World, Node]) -> None:
    world, node = running
    ann, cy = await come(node, "ann", "cy")
    here = await room(ann, "ben")
    for inside in (False, True, False, True):
        if inside:
            await add(ann, here, cy)
        await said(ann, here, f"zebra {inside} {len(ann.of('receipt'))}")
        if inside:
            await cy.ask("conversation:leave", conversation_id=here)
    await indexed(world, here, "zebra", 4)
    assert await found(cy, "zebra") == ["zebra True 3", "zebra True 1"]
    assert len(await found(ann, "zebra")) == 4


async def test_edited_message_is_found_by_its_new_text_only(running: tuple[World, Node]) -> None:
    world, node = running
    (ann,) = await come(node, "ann")
    here = await room(ann, "ben")
    message = await said(ann, here, "a pelican")
    await indexed(world, here, "pelican", 1)
    assert await found(ann, "pelican") == ["a pelican"]
    await ann.ask("message:edit", conversation_id=here, message_id=message, text="a heron")
    assert await found(ann, "pelican") == []
    await said(ann, here, "another pelican")
    await indexed(world, here, "pelican", 1)
    assert await found(ann, "pelican") == ["another pelican"]
    assert await found(ann, "heron") == ["a heron"]


async def test_outdated_index_entries_are_not_answered(running: tuple[World, Node]) -> None:
    world, node = running
    ann, eve = await come(node, "ann", "eve")
    here = await room(ann, "ben")
    edited, gone = await said(ann, here, "one"), await said(ann, here, "two")
    await ann.ask("message:delete", conversation_id=here, message_id=gone)
    await eventually(lambda: ann.of("message:deleted") or False)
    for message in (edited, gone, "no such message"):
        stale = Entry(message, AHEAD, TENANT, here, "a pelican", "ann", 0, 0)
        await world.index.put(1, [stale])
    await indexed(world, here, "pelican", 3)
    assert await found(ann, "pelican") == []
    assert await found(eve, "pelican") == []


async def test_pages_have_each_message_once_and_skip_hidden_ones(running: tuple[World, Node]) -> None:
    world, node = running
    (ann,) = await come(node, "ann")
    here = await room(ann, "ben")
    messages = [await said(ann, here, f"text {n}") for n in range(12)]
    await indexed(world, here, "text", 12)
    for n in range(2, 10):
        await ann.ask("message:hide", conversation_id=here, message_id=messages[n])
    for limit in (1, 2, 3, 4, 5):
        assert await found(ann, "text", limit=limit) == ["text 11", "text 10", "text 1", "text 0"]
    first = (await ann.ask("search:messages", text="text", limit=2))["data"]
    await said(ann, here, "text 12")
    rest = (await ann.ask("search:messages", text="text", limit=2, after=first["after"]))["data"]
    assert [one["text"] for one in rest["messages"]] == ["text 1", "text 0"]


async def test_cursor_is_valid_for_one_user_and_one_search(running: tuple[World, Node]) -> None:
    world, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    for n in range(3):
        await said(ann, here, f"text {n}")
    await indexed(world, here, "text", 3)
    after = (await ann.ask("search:messages", text="text", limit=1))["data"]["after"]
    wrong = ("validation_failed", False, [{"pointer": "/data/after", "code": "value"}])
    assert await code(ben, text="text", after=after) == wrong
    for other in ({"text": "texts"}, {"sender": "ann"}, {"prefix": True}, {"conversation_id": here}):
        assert await code(ann, **{"text": "text", "after": after, **other}) == wrong, other
    for forged in ("x", "bm8=", "W10=", after[:-4], after[4:], "A" * 256):
        assert await code(ann, text="text", after=forged) == wrong, forged
    assert await found(ann, "text", limit=1) == ["text 2", "text 1", "text 0"]


async def test_words_are_found_by_prefix_and_by_sender(running: tuple[World, Node]) -> None:
    world, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    await eventually(lambda: ben.of("conversation:updated") or False)
    await said(ann, here, "the budget")
    await said(ben, here, "a budgie")
    await indexed(world, here, "budgie", 1)
    assert await found(ann, "bud") == []
    assert await found(ann, "bud", prefix=True) == ["a budgie", "the budget"]
    assert await found(ann, "bud", prefix=True, sender="ben") == ["a budgie"]
    assert await found(ann, "the", sender="ben") == []


async def test_separated_characters_are_not_found_as_a_word(running: tuple[World, Node]) -> None:
    world, node = running
    (ann,) = await come(node, "ann")
    here = await room(ann, "ben")
    await said(ann, here, "我家在上海东边。")
    await said(ann, here, "上海。海东")
    await indexed(world, here, "上海", 2)
    assert await found(ann, "上海") == ["上海。海东", "我家在上海东边。"]
    assert await found(ann, "上海东") == ["我家在上海东边。"]


async def test_search_for_too_many_words_is_rejected(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    bounds = ("validation_failed", False, [{"pointer": "/data/text", "code": "bounds"}])
    assert await code(ann, text=" ".join(f"w{n}" for n in range(33))) == bounds
    assert await code(ann, text="".join(chr(0x4E00 + n) for n in range(66))) == bounds
    assert await found(ann, " ".join(f"w{n}" for n in range(32))) == []
    assert await found(ann, "".join(chr(0x4E00 + n) for n in range(64))) == []


async def test_slow_search_answers_a_timeout(running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch) -> None:
    (ann,) = await come(running[1], "ann")
    await room(ann, "ben")
    monkeypatch.setattr(search, "TIMEOUT_S", 0.0)
    assert await code(ann, text="text") == ("search_timeout", True, None)
    monkeypatch.setattr(search, "TURN_TIMEOUT_S", 0.0)
    assert await code(ann, text="text") == ("search_timeout", True, None)


async def test_other_tasks_may_run_before_every_message_checked(
    running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[TimeSlice] = []

    class Paused(TimeSlice):
        async def pause(self) -> None:
            paused.append(self)
            await super().pause()

    monkeypatch.setattr(search, "TimeSlice", Paused)
    world, node = running
    (ann,) = await come(node, "ann")
    here = await room(ann, "ben")
    await send(ann, here, *(f"zebra {n}" for n in range(7)))
    await indexed(world, here, "zebra", 7)
    await eventually(lambda: sent_head(world, here) == 7)
    paused.clear()
    assert len(await found(ann, "zebra")) == 7
    assert (len(paused), len(set(paused))) == (7, 1)


async def test_answer_has_what_fits_and_a_cursor(running: tuple[World, Node]) -> None:
    world, node = running
    (ann,) = await come(node, "ann")
    here = await room(ann, "ben")
    await send(ann, here, *(f"{n} zebra " + "x" * 19_900 for n in range(15)))
    await indexed(world, here, "zebra", 15)
    await eventually(lambda: sent_head(world, here) == 15)
    first = (await ann.ask("search:messages", text="zebra", limit=200))["data"]
    assert 0 < len(first["messages"]) < 15
    assert [text.split()[0] for text in await found(ann, "zebra", limit=200)] == [f"{n}" for n in range(14, -1, -1)]


async def test_page_that_times_out_ends_after_the_last_message_checked(
    running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "TIME_LIMIT_S", -1.0)
    world, node = running
    (ann,) = await come(node, "ann")
    here = await room(ann, "ben")
    texts = [f"zebra {n} {'한국어 ' * 200}" for n in range(7)]
    await send(ann, here, *texts)
    await indexed(world, here, "zebra", 7)
    assert len((await ann.ask("search:messages", text="zebra"))["data"]["messages"]) == 1
    assert await found(ann, "zebra") == texts[::-1]
