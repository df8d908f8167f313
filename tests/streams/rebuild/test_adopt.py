"""Adopting a log: what is lost is named before, and afterwards the read models are what this log comes to."""

from collections.abc import Mapping

import pytest

from core.health import Health
from core.ports.documents import Documents
from core.positions import epoch_of
from projections.generations import read_pointer
from projections.stores.memory import MemoryDocuments
from streams.log.memory import Held, MemoryLog
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


def untold(_done: int, _all: int) -> None:
    """Nobody watches."""


async def looked_at(log: MemoryLog, documents: Documents) -> Survey:
    return await survey(log, documents, [fold(documents) for fold in FOLDS.values()], Health())


async def adopted(log: MemoryLog, documents: Documents, found: Survey) -> Adopted:
    return await adopt(FOLDS, log, documents, Health(), found, progress=lambda _: untold)


async def older(world: World, messages: int) -> MemoryLog:
    """The same log as it was after so many messages."""
    held = Held(world.log.epoch)
    for record in (opened("room"), *(said("room", n) for n in range(messages))):
        held.put(record)
    log = MemoryLog(held)
    await log.start()
    return log


@pytest.fixture
async def talked(world: World) -> World:
    await world.append(opened("room"), *(said("room", n) for n in range(9)))
    for model in ("messages", "conversations"):
        world.become(model)
        async with world.working():
            await world.passed()
    world.become("messages")
    return world


async def test_there_is_nothing_to_adopt_where_the_log_fits(talked: World) -> None:
    assert await looked_at(talked.log, talked.documents) == Survey(1, {}, [])


async def test_what_an_older_log_lacks_is_named_and_nothing_is_changed(talked: World) -> None:
    log, before = await older(talked, 6), await talked.rows(1)
    found = await looked_at(log, talked.documents)
    assert list(found.reasons) == ["messages"]
    assert [(one.conversation_id, one.messages, one.first_seq, one.last_seq) for one in found.lost] == [
        ("room", 3, 7, 9)
    ]
    assert (found.messages, found.epoch, log.epoch) == (3, 2, 1)
    assert found.records == {"message.sent": 3}
    assert await talked.rows(1) == before
    assert (await read_pointer(talked.documents, "messages")).live == 1


async def test_an_adopted_log_is_what_all_read_models_are_made_from(talked: World) -> None:
    log = await older(talked, 6)
    done = await adopted(log, talked.documents, await looked_at(log, talked.documents))
    assert (done.epoch, log.epoch) == (2, 2)
    assert done.records == {"messages": 6, "conversations": 1, "receipts": 0}
    await check_models(log, talked.documents, list(FOLDS), Health())
    for name, fold in FOLDS.items():
        pointer = await read_pointer(talked.documents, name)
        assert (pointer.live, pointer.before) == (2, 0), "nothing leads back to what another log said"
        assert all(epoch_of(at) == 2 for at in (await talked.documents.checkpoints(name, 2)).values())
        scratch = MemoryDocuments()
        found = await verify(fold, log, talked.documents, 2, scratch=scratch, health=Health())
        assert (found.differing, found.differences) == (0, ())


async def test_who_works_on_afterwards_repeats_no_effect_of_before(talked: World) -> None:
    log = await older(talked, 6)
    await adopted(log, talked.documents, await looked_at(log, talked.documents))
    talked.log = log
    talked.kept.pushes.clear()
    async with talked.working():
        await talked.append(said("room", 20))
        await eventually(lambda: bool(talked.kept.pushes))
    assert [push.n for push in talked.kept.pushes] == [7]


async def test_an_adoption_that_was_broken_off_goes_on(talked: World) -> None:
    log = await older(talked, 6)
    await log.raise_epoch(2)  # and there it died
    found = await looked_at(log, talked.documents)
    assert (sorted(found.reasons), found.epoch) == (["conversations", "messages"], 2)
    assert (await adopted(log, talked.documents, found)).epoch == 2
    assert not (await looked_at(log, talked.documents)).reasons


async def test_a_log_without_its_beginning_is_not_adopted(talked: World) -> None:
    short = ShortLog(Held())
    await short.start()
    found = await looked_at(short, talked.documents)
    with pytest.raises(Refused, match="log_truncated"):
        await adopted(short, talked.documents, found)
    assert short.epoch == 1
