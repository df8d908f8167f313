"""A sync is never answered with less than was delivered: a store that went back in time is waited for."""

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
    """The store forgets the last message, its head and the checkpoint behind it; workers have not noticed yet."""
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
async def three(running: tuple[World, Node]) -> tuple[World, Node, Person, str]:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann)
    await send(ann, here, "1", "2", "3")
    await eventually(lambda: ann.texts() == ["1", "2", "3"])
    return found, node, ann, here


async def answer(node: Node, **asked: Any) -> dict[str, Any]:
    again = await Person(node, "ann").come()
    return await again.ask("sync", **{"positions": {}, **asked})


async def test_what_was_delivered_here_is_not_forgotten_with_the_store(
    three: tuple[World, Node, Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, node, _, here = three
    monkeypatch.setattr("projections.progress.PROOF_S", 0.1)
    before = dict(found.documents._checkpoints[message_rows.MODEL, 1])
    taken_back(found.documents, here, 2)
    said = await answer(node)
    assert (said["type"], said["error"]["code"]) == ("error", "not_ready")
    found.documents._checkpoints[message_rows.MODEL, 1] = before  # what a log that was made anew would come to
    assert (await answer(node))["type"] == "synced"


async def test_positions_beyond_the_heads_are_reset_only_where_the_read_model_has_passed_the_log(
    three: tuple[World, Node, Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, node, _, here = three
    monkeypatch.setattr("projections.progress.PROOF_S", 0.1)
    assert (await answer(node, positions={here: {"sent": 9}}))["data"]["reset"] == [here]
    for model in (message_rows.MODEL, conversation_rows.MODEL):
        stands = found.documents._checkpoints[model, 1]
        at = max(stands, key=lambda at: stands[at] & ((1 << OFFSET_BITS) - 1))
        stands[at] -= 1
        said = await answer(node, positions={here: {"sent": 9, "conversation": 9}})
        assert (said["type"], said["error"]["code"]) == ("error", "not_ready"), model
        stands[at] += 1


async def appended(found: World, topic: str) -> list[dict[str, Any]]:
    places = list(partitions(topic))
    ends = await found.log.ends(places)
    return [
        json.loads(record.value or b"{}")
        async for batch in found.log.read(dict.fromkeys(places, 0), ends)
        for record in batch
    ]


async def test_a_cursor_is_never_put_before_what_was_shown(
    three: tuple[World, Node, Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _, ann, here = three
    monkeypatch.setattr("projections.progress.PROOF_S", 0.1)
    before = dict(found.documents._checkpoints[message_rows.MODEL, 1])
    heads = dict(found.documents._rows[message_rows.MODEL, "heads", 1])
    taken_back(found.documents, here, 2)
    said = await ann.ask("message:read", conversation_id=here, seq=3)
    assert (said["type"], said["error"]["code"]) == ("error", "not_ready")
    found.documents._checkpoints[message_rows.MODEL, 1] = before
    found.documents._rows[message_rows.MODEL, "heads", 1] = heads
    assert (await ann.ask("message:read", conversation_id=here, seq=3))["type"] == "ack"
    assert [one["seq"] for one in await appended(found, USER_ACTION)] == [3]


async def test_nothing_less_is_said_to_have_reached_a_device_than_it_says(
    three: tuple[World, Node, Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, node, ann, here = three
    monkeypatch.setattr("projections.progress.PROOF_S", 0.1)
    ann.go()
    taken_back(found.documents, here, 2)
    said = await (await Person(node, "ann").come()).ask("message:delivered", conversation_id=here, seq=3)
    assert (said["type"], said["error"]["code"]) == ("error", "not_ready")
    assert [one for one in await appended(found, MESSAGE_DELIVERED) if one["stage"] == "delivered"] == []
