"""Conversations on the real servers: MongoDB keeps clients' names and keys exactly, and equals a replay."""

import asyncio
import json
from typing import Any

import pytest

from core.ports.documents import TableGeneration
from core.positions import offset_in
from edge.composition.compose import Adapters
from projections.conversations import conversation_rows
from projections.conversations.changes import change_view
from projections.generations import read_pointer
from schemas import events
from schemas.envelope import Record
from schemas.topics import CONVERSATION_UPDATED, partitions
from schemas.wire.views import CursorView
from tests.eventually import eventually
from tests.stack.live import LONG_S, Live, append, new_room
from tests.streams.world import AT, TENANT, encoded, joined, opened

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

ROOMS = 6
METADATA = {"a.b": {"$c": [1, None, "é"]}, "$": {}}
DOTTED = "a.b=c"


def history(room: str) -> list[Record]:
    """Return a conversation with all kinds of changes, one of them twice and one too late."""
    about: dict[str, Any] = {"tenant": TENANT, "at": AT, "conversation_id": room}
    said: list[events.ConversationEvent] = [
        events.ConversationChanged(**about, actor="ann", title="Plans", metadata=METADATA),
        events.RolesChanged(**about, actor="ann", roles={DOTTED: "owner", "bob": "admin"}),
        events.MessagePinned(**about, actor="bob", message_id="m1"),
        events.MessagePinned(**about, actor="bob", message_id="m2"),
        events.MessageUnpinned(**about, actor=DOTTED, message_id="m1"),
        events.ConversationChanged(**about, actor="ann", title=None),
        events.ParticipantsRemoved(**about, actor="ann", participants=["ann"], at_seq=3),
        events.ParticipantsRemoved(**about, actor=DOTTED, participants=[DOTTED], at_seq=3),
    ]
    records = [encoded(event, f"{room} {number}", event.actor) for number, event in enumerate(said)]
    return [opened(room, "bob"), joined(room, DOTTED), *records, records[0]]


async def live_generation(found: Adapters) -> int:
    """Return the live generation of the model, once it has passed the log's current ends."""
    places = partitions(CONVERSATION_UPDATED)
    ends = await found.log.end_offsets(places)

    async def saved() -> bool:
        live = (await read_pointer(found.documents, conversation_rows.MODEL)).live
        positions = await found.documents.checkpoints(conversation_rows.MODEL, live)
        return all(offset_in(found.log.epoch, positions.get(at, 0)) >= end for at, end in ends.items())

    await eventually(saved, within=LONG_S)
    return (await read_pointer(found.documents, conversation_rows.MODEL)).live


async def test_changes_are_numbered_stored_found_and_equal_a_replay(live: Live) -> None:
    rooms = [new_room() for _ in range(ROOMS)]
    async with live.adapters() as found:
        worker = await asyncio.to_thread(live.worker, model="conversations")
        await append(found, [record for room in rooms for record in history(room)])
        generation = await live_generation(found)
        rows = await found.documents.get(TableGeneration(conversation_rows.ROWS, generation), rooms)
        for room in rooms:
            state = conversation_rows.state_of(rows[room])
            cursors = {user: CursorView(user_id=user, read_seq=0, delivered_seq=0) for user in state.members}
            view = conversation_rows.view(state, 3, people=conversation_rows.people_of(state, cursors))
            assert (view.title, view.metadata, view.pins, view.n) == (None, METADATA, ["m2"], 10)
            roles = {one.user_id: one.role for one in view.participants or () if one.present}
            assert roles == {"bob": "admin", DOTTED: "owner"}
            lane = await found.documents.find(
                TableGeneration(conversation_rows.CHANGES, generation), "conversation", [room]
            )
            changes = [change_view(row) for row in lane]
            assert [change.n for change in changes] == list(range(1, 11))
            assert changes[2].metadata == METADATA
            assert changes[3].roles == {DOTTED: "owner", "bob": "admin"}
            assert changes[9].participants == []
        verified = await asyncio.to_thread(live.system.run, "verify", "conversations", "--json", seconds=LONG_S)
        assert json.loads(verified) == {"conversations": []}
    assert await asyncio.to_thread(worker.stop) == 0
