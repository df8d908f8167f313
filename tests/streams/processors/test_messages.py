"""The `messages` processor reports a repeat with another body to its sender, by the command that it was."""

from typing import Any

import msgspec
import pytest

from schemas import events, ids
from schemas.envelope import Record
from schemas.topics import MESSAGE_REJECTED
from streams.processors.messages import Messages
from streams.runtime.worker import Worker
from tests.streams.world import AT, TENANT, World, encoded, stored

ROOM = "room"
MESSAGE = ids.message_id(TENANT, ROOM, "ann", "k")


def said(text: str = "hello", origins: tuple[str, ...] = (), **fields: Any) -> Record:
    chain = [events.Origin(conversation_id=ROOM, message_id=origin, sender="bob", at=AT) for origin in origins]
    event = events.MessageSent(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        message_id=MESSAGE,
        sender="ann",
        client_msg_id="k",
        text=text,
        conversation_n=1,
        forwarded_from=chain,
        **fields,
    )
    return encoded(event, MESSAGE, "ann")


@pytest.mark.parametrize(
    ("first", "second", "command"),
    [
        (said(), said("other"), "message:send"),
        (said(), said(metadata={"a": 1}), "message:send"),
        (said(), said("", ciphertext="x"), "message:send"),
        (said(), said(origins=("m1",)), "message:forward"),
        (said(origins=("m1",)), said(origins=("m1", "m2")), "message:forward"),
        (said(origins=("m1",)), said(), "message:send"),
        (said(metadata={"a": 1, "b": 2}), said(metadata={"b": 2, "a": 1}), None),
        (said(origins=("m0", "m1")), said("edited", origins=("m1",)), None),
        (said(mentions=["bob"]), said(), None),
    ],
)
async def test_different_body_under_one_key_is_reported_as_a_conflict(
    world: World, first: Record, second: Record, command: str | None
) -> None:
    worker = Worker(Messages(world.documents), world.documents, world.emitter, world.health)
    await worker.begin(1, epoch=1)
    await worker.work([stored(first, 0)])
    await worker.work([stored(second, 1)])
    rejected = [msgspec.json.decode(one.value or b"") for one in world.emitter.logged if one.topic == MESSAGE_REJECTED]
    assert [one["command"] for one in rejected] == ([] if command is None else [command])
    errors = [frame for push in world.emitter.pushes if (frame := msgspec.json.decode(push.frame))["type"] == "error"]
    assert [(one["error"]["code"], one["data"]["message_id"]) for one in errors] == (
        [] if command is None else [("idempotency_conflict", MESSAGE)]
    )
