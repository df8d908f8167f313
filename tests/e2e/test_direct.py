"""Direct conversations through the Python client: with oneself, and with a user who left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.sdk.python.caas_client import ConversationUpdated, MessageNew
from tests.e2e.test_own_inbox import device
from tests.e2e.up import Up, running
from tests.eventually import eventually


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with running(tmp_path) as up:
        yield up


async def test_message_brings_back_a_user_who_left_and_was_offline(up: Up) -> None:
    async with device(up, "ann") as ann, device(up, "bob") as bob:
        room = (await ann.client.create(kind="direct", participants=["bob"])).conversation_id
        await ann.client.send(room, "1")
        await eventually(lambda: [one.message.text for one in bob.received(MessageNew)] == ["1"])
        await bob.client.leave(conversation_id=room)
        await eventually(lambda: len(ann.received(ConversationUpdated)) == 2)
        left = bob.client.positions()
    async with device(up, "ann") as ann:
        await ann.client.send(room, "2")
    async with device(up, "bob", positions=left) as back, device(up, "bob", positions={}) as new:
        for one in (back, new):
            await eventually(lambda one=one: "2" in [each.message.text for each in one.received(MessageNew)])  # type: ignore[misc]
        found = await back.client.history(conversation_id=room)
        assert [one.text for one in found.messages] == ["1", "2"]
        assert (await back.client.get_conversation(conversation_id=room)).unread == 1


async def test_notes_to_oneself_are_found_listed_and_on_every_device(up: Up) -> None:
    async with device(up, "ann") as phone, device(up, "ann") as desk:
        room = (await phone.client.create(kind="direct", participants=["ann"])).conversation_id
        await phone.client.send(room, "milk and bread")
        for one in (phone, desk):
            await eventually(
                lambda one=one: [each.message.text for each in one.received(MessageNew)] == ["milk and bread"]
            )  # type: ignore[misc]

        async def found() -> bool:
            return [one.text for one in (await desk.client.search(text="milk")).messages] == ["milk and bread"]

        await eventually(found)
        (listed,) = (await desk.client.conversations()).conversations
        assert (listed.conversation_id, listed.unread) == (room, 0)
