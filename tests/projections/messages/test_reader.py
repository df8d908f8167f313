"""Tests that proofs about messages wait for their topics, and those about reactions also for reactions."""

import pytest

from core.domain import message
from core.domain.reaction import Reactions
from core.health import Health
from core.ports.memberships import NotReady
from core.positions import position
from projections import progress
from projections.generations import Generations
from projections.messages.reader import MessageReader
from projections.stores.memory import MemoryDocuments
from schemas import events
from schemas.topics import partition_of
from streams.log.memory import MemoryLog
from streams.processors.messages import Messages
from streams.runtime.worker import Worker
from tests.streams.world import AT, TENANT, RecordingEmitter, edited, encoded, said, stored

ROOM = "room"
SAID = said(ROOM, 0)
MESSAGE = SAID.headers[1][1].decode()
REACTED = encoded(
    events.Reacted(tenant=TENANT, at=AT, conversation_id=ROOM, message_id=MESSAGE, user_id="bob", emoji="👍", on=True),
    "r1",
    "bob",
)


async def test_proof_waits_for_reactions_only_if_requested(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "CATCH_UP_TIMEOUT_S", 0.05)
    documents = MemoryDocuments()
    found = MessageReader(documents, Generations(documents, ("messages",)), log)
    await log.append(REACTED)
    await found.prove(ROOM)
    with pytest.raises(NotReady):
        await found.prove(ROOM, with_reactions=True)
    worker = Worker(Messages(documents), documents, RecordingEmitter(), Health())
    await worker.begin(1, log.epoch)
    at = partition_of(REACTED.topic, ROOM.encode()).number
    await worker.work([stored(REACTED, 0, at)])
    assert position(log.epoch, 1) in (await documents.checkpoints("messages", 1)).values()
    await found.prove(ROOM, with_reactions=True)


async def test_proof_of_the_head_waits_only_for_sent_messages(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "CATCH_UP_TIMEOUT_S", 0.05)
    documents = MemoryDocuments()
    found = MessageReader(documents, Generations(documents, ("messages",)), log)
    await log.append(edited(ROOM, 0, "other"))
    await found.prove_head(ROOM)
    with pytest.raises(NotReady):
        await found.prove(ROOM)
    await log.append(SAID)
    with pytest.raises(NotReady):
        await found.prove_head(ROOM)
    worker = Worker(Messages(documents), documents, RecordingEmitter(), Health())
    await worker.begin(1, log.epoch)
    await worker.work([stored(SAID, 0, partition_of(SAID.topic, ROOM.encode()).number)])
    await found.prove_head(ROOM)
    assert await found.head(ROOM) == 1


async def test_target_is_the_message_with_its_reactions(log: MemoryLog) -> None:
    documents = MemoryDocuments()
    found = MessageReader(documents, Generations(documents, ("messages",)), log)
    absent = await found.target(MESSAGE)
    assert (absent.state, absent.reactions, absent.folded) == (message.Absent(), Reactions(), {})
    worker = Worker(Messages(documents), documents, RecordingEmitter(), Health())
    await worker.begin(1, log.epoch)
    await worker.work([stored(SAID), stored(REACTED)])
    target = await found.target(MESSAGE)
    assert isinstance(target.state, message.Live)
    assert (target.reactions, target.folded) == (Reactions({"👍": ("bob",)}, 1), {"r1": "👍"})


async def test_deletion_is_found_before_and_after_its_message(log: MemoryLog) -> None:
    documents = MemoryDocuments()
    found = MessageReader(documents, Generations(documents, ("messages",)), log)
    worker = Worker(Messages(documents), documents, RecordingEmitter(), Health())
    await worker.begin(1, log.epoch)
    event = events.MessageDeleted(tenant=TENANT, at=AT, conversation_id=ROOM, message_id=MESSAGE, deleted_by="ann")
    gone = encoded(event, "d1", "ann")
    assert await found.deleted([MESSAGE]) == frozenset()
    await worker.work([stored(gone, 0, partition_of(gone.topic, ROOM.encode()).number)])
    assert await found.deleted([MESSAGE, "another"]) == {MESSAGE}
    await worker.work([stored(SAID, 0, partition_of(SAID.topic, ROOM.encode()).number)])
    await worker.work([stored(encoded(event, "d2", "ann"), 1, partition_of(gone.topic, ROOM.encode()).number)])
    assert await found.deleted([MESSAGE]) == {MESSAGE}
