"""A sync never answers heads below what was delivered: it waits for a store that went back in time."""

import json
from typing import Any

import pytest

from core.positions import OFFSET_BITS
from edge.socket.node import Node
from projections.conversations import conversation_rows
from projections.messages import message_rows
from projections.stores.memory import MemoryDocuments
from schemas.topics import MESSAGE_DELIVERED, USER_ACTION, partitions
from tests.edge.socket.world import Person, World, room, send
from tests.eventually import eventually


def taken_back(documents: MemoryDocuments, here: str, n: int) -> None:
    """Remove the last message, its head and the checkpoint behind it from the store; workers have not noticed yet."""
    heads = documents._rows[message_rows.MODEL, "heads", 1][here]
    pos = heads["sent"]["pos"]
    documents._rows[message_rows.MODEL, "heads", 1][here] = {**heads, "sent": {"pos": pos - 1, "n": n}}
    rows = documents._rows[message_rows.MODEL, "messages", 1]
    for row_id in [row_id for row_id, row in rows.items() if row["sent"]["n"] > n]:
        del rows[row_id]
    for at, where in documents._checkpoints[message_rows.MODEL, 1].items():
        if where == pos + 1:
            documents._checkpoints[message_rows.MODEL, 1][at] = where - 1


@pytest.fixture
async def three_sent(running: tuple[World, Node]) -> tuple[World, Node, Person, str]:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann)
    await send(ann, here, "1", "2", "3")
    await eventually(lambda: ann.texts() == ["1", "2", "3"])
    return found, node, ann, here


async def answer(node: Node, **asked: Any) -> dict[str, Any]:
    another = await Person(node, "ann").come()
    return await another.ask("sync", **{"positions": {}, **asked})


async def test_sync_waits_for_a_store_without_rows_that_were_delivered_here(
    three_sent: tuple[World, Node, Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, node, _, here = three_sent
    monkeypatch.setattr("projections.progress.CATCH_UP_TIMEOUT_S", 0.1)
    before = dict(found.documents._checkpoints[message_rows.MODEL, 1])
    taken_back(found.documents, here, 2)
    reply = await answer(node)
    assert (reply["type"], reply["error"]["code"]) == ("error", "not_ready")
    found.documents._checkpoints[message_rows.MODEL, 1] = before  # as workers would rebuild it from the log
    assert (await answer(node))["type"] == "synced"


async def test_positions_beyond_the_heads_are_reset_only_after_the_read_model_passed_the_log(
    three_sent: tuple[World, Node, Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, node, _, here = three_sent
    monkeypatch.setattr("projections.progress.CATCH_UP_TIMEOUT_S", 0.1)
    assert (await answer(node, positions={here: {"sent": 9}}))["data"]["reset"] == [here]
    for model in (message_rows.MODEL, conversation_rows.MODEL):
        checkpoints = found.documents._checkpoints[model, 1]
        at = max(checkpoints, key=lambda at: checkpoints[at] & ((1 << OFFSET_BITS) - 1))
        checkpoints[at] -= 1
        reply = await answer(node, positions={here: {"sent": 9, "conversation": 9}})
        assert (reply["type"], reply["error"]["code"]) == ("error", "not_ready"), model
        checkpoints[at] += 1


async def appended(found: World, topic: str) -> list[dict[str, Any]]:
    places = list(partitions(topic))
    ends = await found.log.end_offsets(places)
    return [
        json.loads(record.value or b"{}")
        async for batch in found.log.read(dict.fromkeys(places, 0), ends)
        for record in batch
    ]


async def test_cursor_is_never_put_below_what_was_shown(
    three_sent: tuple[World, Node, Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _, ann, here = three_sent
    monkeypatch.setattr("projections.progress.CATCH_UP_TIMEOUT_S", 0.1)
    before = dict(found.documents._checkpoints[message_rows.MODEL, 1])
    heads = dict(found.documents._rows[message_rows.MODEL, "heads", 1])
    taken_back(found.documents, here, 2)
    reply = await ann.ask("message:read", conversation_id=here, seq=3)
    assert (reply["type"], reply["error"]["code"]) == ("error", "not_ready")
    found.documents._checkpoints[message_rows.MODEL, 1] = before
    found.documents._rows[message_rows.MODEL, "heads", 1] = heads
    assert (await ann.ask("message:read", conversation_id=here, seq=3))["type"] == "ack"
    assert [one["seq"] for one in await appended(found, USER_ACTION)] == [3]


async def test_receipt_is_never_recorded_below_what_the_device_reported(
    three_sent: tuple[World, Node, Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, node, ann, here = three_sent
    monkeypatch.setattr("projections.progress.CATCH_UP_TIMEOUT_S", 0.1)
    ann.go()
    taken_back(found.documents, here, 2)
    reply = await (await Person(node, "ann").come()).ask("message:delivered", conversation_id=here, seq=3)
    assert (reply["type"], reply["error"]["code"]) == ("error", "not_ready")
    assert [one for one in await appended(found, MESSAGE_DELIVERED) if one["stage"] == "delivered"] == []
