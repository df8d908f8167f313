"""Inbox state of users: read, muted, archived and hidden, through a whole node."""

from typing import Any

import msgspec

from core.ports.documents import Table, TableGeneration
from edge.socket.node import Node
from projections.inbox import inbox_rows
from schemas.topics import MESSAGE_REJECTED, USER_ACTION, partitions
from tests.edge.socket.asking import come, do, pushed_change, said
from tests.edge.socket.world import TENANT, World, room
from tests.eventually import eventually

ABSENT = "6f1d1f8a-0000-5000-8000-00000000000f"
FAR = "2999-01-01T00:00:00.000Z"


async def kept(found: World, table: Table, row_id: str, n: int) -> Any:
    """Return the row, once it is at number `n`."""

    async def row() -> Any:
        rows = await found.documents.get(TableGeneration(table, 1), [row_id])
        facet = rows.get(row_id, {}).get("inbox") or rows.get(row_id, {}).get("act")
        return facet if facet is not None and facet["n"] == n else False

    return await eventually(row)


async def in_log(found: World, topic: str) -> list[Any]:
    """Return all bodies in a topic."""
    places = partitions(topic)
    batches = found.log.read(dict.fromkeys(places, 0), await found.log.end_offsets(places))
    return [msgspec.json.decode(record.value or b"") async for batch in batches for record in batch]


async def test_read_muted_and_archived_are_kept(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    for n in range(3):
        await said(ann, here, f"{n}")
    row = inbox_rows.row_id(TENANT, "ben", here)
    assert await do(ben, "message:read", here, seq=2) == "accepted"
    assert (await kept(found, inbox_rows.ROWS, row, 1))["read"] == 2
    assert await do(ben, "conversation:mute", here, until=FAR) == "accepted"
    assert await do(ben, "conversation:archive", here) == "accepted"
    facet = await kept(found, inbox_rows.ROWS, row, 3)
    assert (facet["muted"], facet["muted_until"], facet["archived"]) == (True, FAR, True)
    assert await do(ben, "conversation:unmute", here) == "accepted"
    assert await do(ben, "conversation:unarchive", here) == "accepted"
    facet = await kept(found, inbox_rows.ROWS, row, 5)
    assert (facet["muted"], facet["archived"], facet["read"]) == (False, False, 2)


async def test_read_beyond_the_last_message_reads_up_to_it(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    assert await do(ben, "message:read", here, seq=2**53) == "persisted"
    await said(ann, here, "1")
    assert await do(ben, "message:read", here, seq=2**53) == "accepted"
    await said(ann, here, "2")
    assert await do(ben, "message:read", here, seq=2**53) == "accepted"
    row = inbox_rows.row_id(TENANT, "ben", here)
    assert (await kept(found, inbox_rows.ROWS, row, 2))["read"] == 2


async def test_private_read_can_be_made_public_later(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    await said(ann, here, "1")
    assert await do(ben, "message:read", here, seq=1, private=True) == "accepted"
    assert await do(ben, "message:read", here, seq=1) == "accepted"
    assert await do(ben, "message:read", here, seq=1) == "accepted"  # remembered, and not appended again
    row = inbox_rows.row_id(TENANT, "ben", here)
    assert (await kept(found, inbox_rows.ROWS, row, 2))["read"] == 1
    assert [one.get("private", False) for one in await in_log(found, USER_ACTION)] == [True, False]


async def test_message_is_hidden_for_one_user_once(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    message_id = await said(ann, here, "1")
    answer = await ben.ask("message:hide", conversation_id=here, message_id=message_id)
    assert answer["data"] == {"message_id": message_id, "level": "accepted"}
    hidden = await kept(found, inbox_rows.ACTS, inbox_rows.hidden_id(TENANT, "ben", message_id), 1)
    assert hidden["message_id"] == message_id
    assert await do(ben, "message:hide", here, message_id=message_id) == "accepted"
    assert await do(ben, "message:read", here, seq=1) == "accepted"
    assert (await kept(found, inbox_rows.ROWS, inbox_rows.row_id(TENANT, "ben", here), 2))["hidden"] == 1


async def test_used_key_with_another_time_is_refused(running: tuple[World, Node]) -> None:
    ann, ben = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    assert await do(ben, "conversation:mute", here, client_key="k", until=FAR) == "accepted"
    assert await do(ben, "conversation:mute", here, client_key="k", until=FAR) == "accepted"
    assert await do(ben, "conversation:mute", here, client_key="k") == "idempotency_conflict"


async def test_refused_inbox_command_is_recorded_with_its_cause(
    running: tuple[World, Node],
) -> None:
    found, node = running
    ann, ben, eve = await come(node, "ann", "ben", "eve")
    here = await room(ann, "ben")
    message_id = await said(ann, here, "1")
    assert await do(eve, "message:read", here, seq=1) == "not_a_participant"
    assert await do(eve, "message:hide", here, message_id=message_id) == "not_a_participant"
    assert await do(ben, "conversation:mute", here, until="2020-01-01T00:00:00.000Z") == "validation_failed"
    assert await do(ben, "message:hide", here, message_id=ABSENT) == "message_not_found"
    assert await do(ben, "conversation:archive", ABSENT) == "conversation_not_found"
    refused = {(one["user_id"], one["command"], one["code"]) for one in await in_log(found, MESSAGE_REJECTED)}
    assert refused == {
        ("eve", "message:read", "not_a_participant"),
        ("eve", "message:hide", "not_a_participant"),
        ("ben", "conversation:mute", "validation_failed"),
        ("ben", "message:hide", "message_not_found"),
        ("ben", "conversation:archive", "conversation_not_found"),
    }
    assert await in_log(found, USER_ACTION) == []


async def test_former_member_keeps_own_inbox_up_to_their_leave(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    theirs = await said(ann, here, "1")
    assert await do(ben, "conversation:leave", here) == "accepted"
    await pushed_change(ann, here, 2)
    later = await said(ann, here, "2")
    assert await do(ben, "message:hide", here, message_id=later) == "message_not_found"
    assert await do(ben, "message:hide", here, message_id=theirs) == "accepted"
    assert await do(ben, "message:read", here, seq=2) == "accepted"
    assert (await kept(found, inbox_rows.ROWS, inbox_rows.row_id(TENANT, "ben", here), 2))["read"] == 1
