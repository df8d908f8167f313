"""Adopting a log: a survey reports what is lost, and afterwards the read models equal a fold of this log."""

from collections.abc import Mapping

import pytest

from core.health import Health
from core.ports.documents import Documents
from core.ports.event_log import Unavailable
from core.positions import epoch_of
from projections.generations import read_pointer
from projections.stores.memory import MemoryDocuments
from streams.log.memory import LogStorage, MemoryLog
from streams.processors.conversations import Conversations
from streams.processors.messages import Messages
from streams.processors.receipts import Receipts
from streams.rebuild.adopt import Adopted, Survey, adopt, survey
from streams.rebuild.lease import Refused
from streams.rebuild.replay import Fold
from streams.rebuild.verify import verify
from streams.runtime.lineage import check_models
from tests.eventually import eventually
from tests.streams.world import ShortLog, World, opened, said

FOLDS: Mapping[str, Fold] = {"messages": Messages, "conversations": Conversations, "receipts": Receipts}


def ignore_progress(_done: int, _all: int) -> None:
    """Ignore progress."""


async def ignore() -> None:
    """Do nothing."""


async def surveyed(log: MemoryLog, documents: Documents) -> Survey:
    return await survey(log, documents, [fold(documents) for fold in FOLDS.values()], Health())


async def adopted(log: MemoryLog, documents: Documents, found: Survey) -> Adopted:
    return await adopt(FOLDS, log, documents, Health(), found, progress=lambda _: ignore_progress, begins=ignore)


async def older(world: World, messages: int) -> MemoryLog:
    """Return the log as it was after this number of messages."""
    held = LogStorage(world.log.epoch)
    for record in (opened("room"), *(said("room", n) for n in range(messages))):
        held.put(record)
    log = MemoryLog(held)
    await log.start()
    return log


@pytest.fixture
async def talked(world: World) -> World:
    await world.append(opened("room"), *(said("room", n) for n in range(9)))
    for model in ("messages", "conversations"):
        world.use_model(model)
        async with world.working():
            await world.passed()
    world.use_model("messages")
    return world


async def test_fitting_log_needs_no_adoption(talked: World) -> None:
    assert await surveyed(talked.log, talked.documents) == Survey(1, {}, [])


async def test_survey_reports_what_an_older_log_lacks_and_changes_nothing(talked: World) -> None:
    log, before = await older(talked, 6), await talked.rows(1)
    found = await surveyed(log, talked.documents)
    assert list(found.reasons) == ["messages"]
    assert [(one.conversation_id, one.messages, one.first_seq, one.last_seq) for one in found.lost] == [
        ("room", 3, 7, 9)
    ]
    assert (found.messages, found.epoch, log.epoch) == (3, 2, 1)
    assert found.records == {"message.sent": 3}
    assert await talked.rows(1) == before
    assert (await read_pointer(talked.documents, "messages")).live == 1


async def test_read_models_are_rebuilt_from_the_adopted_log(talked: World) -> None:
    log = await older(talked, 6)
    done = await adopted(log, talked.documents, await surveyed(log, talked.documents))
    assert (done.epoch, log.epoch) == (2, 2)
    assert done.records == {"messages": 6, "conversations": 1, "receipts": 0}
    await check_models(log, talked.documents, list(FOLDS), Health())
    for name, fold in FOLDS.items():
        pointer = await read_pointer(talked.documents, name)
        assert (pointer.live, pointer.before) == (2, 0), "no rollback leads to another log"
        assert all(epoch_of(at) == 2 for at in (await talked.documents.checkpoints(name, 2)).values())
        scratch = MemoryDocuments()
        found = await verify(fold, log, talked.documents, 2, scratch=scratch, health=Health())
        assert (found.differing, found.differences) == (0, ())


async def test_it_begins_in_the_new_epoch_and_before_a_read_model_is_switched(talked: World) -> None:
    log, seen = await older(talked, 6), list[tuple[int, int]]()

    async def begins() -> None:
        seen.append((log.epoch, (await read_pointer(talked.documents, "messages")).live))
        raise Unavailable("down")

    found = await surveyed(log, talked.documents)
    with pytest.raises(Unavailable):
        await adopt(FOLDS, log, talked.documents, Health(), found, progress=lambda _: ignore_progress, begins=begins)
    assert seen == [(2, 1)]
    assert (await read_pointer(talked.documents, "messages")).live == 1
    assert (await adopted(log, talked.documents, await surveyed(log, talked.documents))).epoch == 2


async def test_worker_repeats_no_effects_after_an_adoption(talked: World) -> None:
    log = await older(talked, 6)
    await adopted(log, talked.documents, await surveyed(log, talked.documents))
    talked.log = log
    talked.emitter.pushes.clear()
    async with talked.working():
        await talked.append(said("room", 20))
        await eventually(lambda: bool(talked.emitter.pushes))
    assert [push.n for push in talked.emitter.pushes] == [7]


async def test_interrupted_adoption_continues(talked: World) -> None:
    log = await older(talked, 6)
    await log.raise_epoch(2)  # where it was interrupted
    found = await surveyed(log, talked.documents)
    assert (sorted(found.reasons), found.epoch) == (["conversations", "messages"], 2)
    assert (await adopted(log, talked.documents, found)).epoch == 2
    assert not (await surveyed(log, talked.documents)).reasons


async def test_log_without_its_beginning_is_not_adopted(talked: World) -> None:
    short = ShortLog(LogStorage())
    await short.start()
    found = await surveyed(short, talked.documents)
    with pytest.raises(Refused, match="log_truncated"):
        await adopted(short, talked.documents, found)
    assert short.epoch == 1
