"""Messages are pinned and unpinned by any member and pushed to all, through a whole node."""

import pytest

from core.domain import conversation, pin
from core.domain.conversation import MAX_PINS
from edge.socket.node import Node
from tests.edge.socket.asking import come, do, pushed_change, said, shown
from tests.edge.socket.world import World, room
from tests.eventually import eventually

ABSENT = "6f1d1f8a-0000-5000-8000-00000000000f"


async def test_pin_is_pushed_to_all_and_removable_by_any(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    first, second = await said(ann, here, "1"), await said(ann, here, "2")
    assert await do(ben, "message:pin", here, message_id=second) == "accepted"
    assert await do(ann, "message:pin", here, message_id=first) == "accepted"
    change = await pushed_change(ann, here, 2)
    assert (change["change"], change["actor"], change["message_id"]) == ("message-pinned", "ben", second)
    await pushed_change(ann, here, 3)
    assert (await shown(ann, here))["pins"] == [second, first]
    assert await do(ann, "message:pin", here, message_id=second) == "persisted"
    assert await do(ann, "message:unpin", here, message_id=second) == "accepted"
    assert (await pushed_change(ben, here, 4))["change"] == "message-unpinned"
    assert (await shown(ann, here))["pins"] == [first]
    assert await do(ann, "message:unpin", here, message_id=second, client_key="again") == "persisted"


async def test_conversation_is_read_without_reading_pinned_messages(running: tuple[World, Node]) -> None:
    found, node = running
    (ann,) = await come(node, "ann")
    here = await room(ann, "ben")
    ids = [await said(ann, here, f"{n}") for n in range(10)]
    for n, message_id in enumerate(ids, start=2):
        await do(ann, "message:pin", here, message_id=message_id)
        await pushed_change(ann, here, n)
    found.documents.got.clear()
    assert (await shown(ann, here))["pins"] == ids
    assert found.documents.got["messages"] <= 1  # the last message


async def test_deleted_message_is_unpinned_from_its_acknowledgment_on(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    here = await room(ann, "ben")
    first, second = await said(ann, here, "1"), await said(ann, here, "2")
    for message_id in (first, second):
        await do(ann, "message:pin", here, message_id=message_id, client_key=message_id)
    await pushed_change(ann, here, 3)
    await ann.ask("message:delete", conversation_id=here, message_id=first)
    assert (await shown(ann, here))["pins"] == [second]
    assert await do(ann, "message:pin", here, message_id=first, client_key="again") == "message_not_found"
    third = await said(ann, here, "3")
    await do(ann, "message:pin", here, message_id=third)
    change = await pushed_change(ann, here, 4)
    assert (change["message_id"], change["freed"]) == (third, [first])
    assert (await shown(ann, here))["pins"] == [second, third]


async def test_deleted_message_frees_its_pin_slot(running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch) -> None:
    for where in (conversation, pin):
        monkeypatch.setattr(where, "MAX_PINS", 2)
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    first, second, third, fourth = [await said(ann, here, str(n)) for n in range(4)]
    for message_id in (first, second):
        await do(ann, "message:pin", here, message_id=message_id, client_key=message_id)
    assert await do(ben, "message:pin", here, message_id=third) == "pin_limit"
    await ann.ask("message:delete", conversation_id=here, message_id=second)
    assert await do(ben, "message:pin", here, message_id=third, client_key="now") == "accepted"
    assert await do(ben, "message:pin", here, message_id=fourth) == "pin_limit"
    assert (await shown(ann, here))["pins"] == [first, third]


async def test_pin_is_refused_for_each_cause(running: tuple[World, Node]) -> None:
    ann, ben, eve = await come(running[1], "ann", "ben", "eve")
    here = await room(ann, "ben")
    first, gone = await said(ann, here, "1"), await said(ann, here, "2")
    elsewhere = (await ann.ask("conversation:create", client_key="other"))["data"]["conversation_id"]
    await pushed_change(ann, elsewhere, 1)
    foreign = await said(ann, elsewhere, "3")
    await ann.ask("message:delete", conversation_id=here, message_id=gone)
    await eventually(lambda: ann.lane("deleted", here) == [1])
    await do(ann, "conversation:add-participants", here, participants=["cy"])
    await pushed_change(ann, here, 2)
    (cy,) = await come(running[1], "cy")
    for who, message_id in ((ann, gone), (ann, foreign), (ann, ABSENT), (cy, first)):
        assert await do(who, "message:pin", here, message_id=message_id) == "message_not_found"
    for kind in ("message:pin", "message:unpin"):
        assert await do(eve, kind, here, message_id=first) == "not_a_participant"
        assert await do(ann, kind, ABSENT, message_id=first) == "conversation_not_found"
    assert await do(ben, "message:pin", here, message_id=first, client_key="k") == "accepted"
    other = await said(ann, here, "4")
    assert await do(ben, "message:pin", here, message_id=other, client_key="k") == "idempotency_conflict"


async def test_number_of_pins_is_limited(running: tuple[World, Node]) -> None:
    (ann,) = await come(running[1], "ann")
    here = await room(ann, "ben")
    said_ids = [await said(ann, here, str(n)) for n in range(MAX_PINS + 1)]
    for message_id in said_ids[:-1]:
        assert await do(ann, "message:pin", here, message_id=message_id, client_key=message_id) == "accepted"
    assert await do(ann, "message:pin", here, message_id=said_ids[-1]) == "pin_limit"


async def test_late_repeat_of_a_pin_does_not_pin_again(running: tuple[World, Node]) -> None:
    found, node = running
    (ann,) = await come(node, "ann")
    here = await room(ann, "ben")
    message_id = await said(ann, here, "1")
    await do(ann, "message:pin", here, message_id=message_id, client_key="p")
    await do(ann, "message:unpin", here, message_id=message_id, client_key="u")
    await pushed_change(ann, here, 3)
    other = found.node("two")  # it remembers no repeat
    await other.start()
    (again,) = await come(other, "ann")
    assert await do(again, "message:pin", here, message_id=message_id, client_key="p") == "accepted"
    await do(ann, "conversation:update", here, title="after it")
    await pushed_change(ann, here, 4)
    data = await shown(ann, here)
    assert (data["pins"], data["n"]) == ([], 4)
    await other.stop()
