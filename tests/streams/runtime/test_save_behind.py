"""SaveBehind saves rows and heads at once; checkpoints follow in their order."""

import asyncio
from typing import Any

import pytest

from core.health import Health
from core.ports.documents import (
    Base,
    Changes,
    Checkpoint,
    StoreBroken,
    StoreWentBack,
    Table,
    TableGeneration,
    Write,
)
from core.ports.event_log import Unavailable
from core.positions import position
from projections.stores.memory import MemoryDocuments
from schemas.topics import Partition
from streams.runtime import save_behind
from streams.runtime.save_behind import MAX_WAITING, Progress, SaveBehind, joined
from tests.eventually import eventually

ROWS, HEADS = TableGeneration(Table("messages", "rows"), 1), TableGeneration(Table("messages", "heads"), 1)
AT, OTHER = Partition("message.sent", 0), Partition("message.sent", 1)


class Store(MemoryDocuments):
    """A store that notes its saves, and may fail the next one with a checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.saves: list[Changes] = []
        self.failure: Exception | None = None
        self.lives = 0
        self.may_save = asyncio.Event()
        self.may_save.set()

    @property
    def life(self) -> int:
        return self.lives

    async def save(self, changes: Changes) -> frozenset[str]:
        if changes.checkpoint is not None:
            await self.may_save.wait()
            failure, self.failure = self.failure, None
            if failure is not None:
                raise failure
        self.saves.append(changes)
        return await super().save(changes)

    def head(self, key: str = "room") -> int:
        found: dict[str, Any] = self._rows.get(("messages", "heads", 1), {}).get(key, {})
        return int(found.get("sent", {"n": 0})["n"])

    async def checkpoint(self, at: Partition = AT) -> int:
        return (await self.checkpoints("messages", 1)).get(at, position(1, 0)) - position(1, 0)


def batch(n: int, at: Partition = AT, key: str = "room", life: int = 0) -> Changes:
    """Return the save of the record at offset `n`, the only one of its conversation's partition in its batch."""
    facet = {"pos": position(1, n), "n": n + 1}
    return Changes(
        [(ROWS, [Write(f"{key} {n}", {}, {"sent": facet})])],
        [(HEADS, [Write(key, {}, {"sent": facet})])],
        Checkpoint("messages", 1, {at: position(1, n + 1)}, {at: f"digest {n}"}),
        Base("messages", 1, {at: position(1, n)} if n else {}, life),
    )


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def behind(store: Store) -> SaveBehind:
    """One that has saved offset 0, whole as the first save is."""
    made = SaveBehind(store, Health(), "messages")
    await made.save(batch(0))
    store.saves.clear()
    return made


async def test_first_save_is_whole(store: Store, behind: SaveBehind) -> None:
    assert (store.head(), await store.checkpoint()) == (1, 1)


async def test_rows_and_heads_are_saved_at_once_and_the_checkpoint_when_settled(
    store: Store, behind: SaveBehind
) -> None:
    assert await behind.save(batch(1)) == {"room 1"}
    assert (set(await behind.get(ROWS, ["room 1"])), store.head(), await store.checkpoint()) == ({"room 1"}, 2, 1)
    await behind.settle()
    assert (store.head(), await store.checkpoint()) == (2, 2)


async def test_many_batches_are_settled_in_one_save(store: Store, behind: SaveBehind) -> None:
    for n in (1, 2, 3):
        await behind.save(batch(n))
    await behind.settle()
    await behind.settle()
    assert [(bool(one.rows), bool(one.heads), bool(one.checkpoint)) for one in store.saves] == [
        *[(True, True, False)] * 3,
        (False, False, True),
    ]
    assert (store.head(), await store.checkpoint()) == (4, 4)
    assert (await store.fingerprints("messages", 1))[AT].digest == "digest 3"


async def test_rows_are_saved_on_what_the_store_has_and_not_on_what_is_behind(store: Store, behind: SaveBehind) -> None:
    await behind.save(batch(1))
    await behind.save(batch(2))
    await behind.settle()
    await behind.save(batch(3))
    bases = [one.base.positions[AT] for one in store.saves if one.base is not None]
    assert bases == [position(1, 1), position(1, 1), position(1, 1), position(1, 3)]


async def test_checkpoints_are_returned_when_nothing_is_behind(store: Store, behind: SaveBehind) -> None:
    await behind.save(batch(1))
    assert await behind.checkpoints("messages", 1) == {AT: position(1, 2)}


async def test_outage_is_waited_out(store: Store, behind: SaveBehind) -> None:
    await behind.save(batch(1))
    store.failure = Unavailable("the store is down")
    await behind.settle()
    assert (store.head(), await store.checkpoint()) == (2, 2)


async def test_what_is_saved_meanwhile_stays_behind(store: Store, behind: SaveBehind) -> None:
    await behind.save(batch(1))
    store.may_save.clear()
    settling = asyncio.create_task(behind.settle())
    await asyncio.sleep(0.05)
    await behind.save(batch(2))
    store.may_save.set()
    await settling
    assert await store.checkpoint() == 2
    await behind.settle()
    assert (store.head(), await store.checkpoint()) == (3, 3)


@pytest.mark.parametrize("failure", [StoreWentBack("it went back"), StoreBroken("it is broken")])
async def test_what_cannot_be_saved_is_dropped_and_reported(
    store: Store, behind: SaveBehind, failure: Exception
) -> None:
    await behind.save(batch(1))
    store.failure = failure
    await behind.settle()
    assert await store.checkpoint() == 1
    with pytest.raises(StoreWentBack, match=str(failure)):
        await behind.save(batch(2))
    assert await behind.checkpoints("messages", 1) == {AT: position(1, 1)}
    await behind.save(batch(1))
    assert (store.head(), await store.checkpoint()) == (2, 2)  # whole


async def test_nothing_is_saved_behind_on_a_store_that_lacks_the_base(store: Store, behind: SaveBehind) -> None:
    await behind.save(batch(1))
    store._checkpoints.clear()
    await behind.settle()
    assert await store.checkpoint() == 0
    with pytest.raises(StoreWentBack, match="went back in time"):
        await behind.save(batch(2))


async def test_no_head_is_saved_on_a_store_that_lacks_the_base(store: Store, behind: SaveBehind) -> None:
    await behind.save(batch(1))
    store._checkpoints.clear()
    with pytest.raises(StoreWentBack):
        await behind.save(batch(2))
    assert store.head() == 2


async def test_nothing_is_saved_behind_in_another_life(store: Store, behind: SaveBehind) -> None:
    await behind.save(batch(1))
    store.lives += 1
    await behind.settle()
    assert await store.checkpoint() == 1
    with pytest.raises(StoreWentBack, match="restarted"):
        await behind.save(batch(2))


async def test_reset_drops_what_is_behind(store: Store, behind: SaveBehind) -> None:
    await behind.save(batch(1))
    behind.reset()
    await behind.settle()
    assert await behind.checkpoints("messages", 1) == {AT: position(1, 1)}
    await behind.save(batch(1))
    assert (store.head(), await store.checkpoint()) == (2, 2)  # whole


async def test_reset_during_a_save_keeps_what_comes_after(store: Store, behind: SaveBehind) -> None:
    await behind.save(batch(1))
    store.may_save.clear()
    settling = asyncio.create_task(behind.settle())
    await asyncio.sleep(0.05)
    behind.reset()
    saving = asyncio.create_task(behind.save(batch(1)))
    await asyncio.sleep(0.05)
    store.may_save.set()
    await asyncio.gather(settling, saving)
    await behind.save(batch(2))
    await behind.settle()
    assert (store.head(), await store.checkpoint()) == (3, 3)


async def test_saves_behind_are_apart_unless_many_batches_wait(
    store: Store, behind: SaveBehind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(save_behind, "MIN_INTERVAL_S", 3600.0)
    await behind.save(batch(1))
    await behind.settle()
    await behind.save(batch(2))
    settling = asyncio.create_task(behind.settle())
    await asyncio.sleep(0.05)
    assert await store.checkpoint() == 2
    for n in range(3, MAX_WAITING + 2):
        await behind.save(batch(n))
    await eventually(settling.done)
    assert await store.checkpoint() == MAX_WAITING + 2


@pytest.mark.parametrize(
    ("offsets", "base"),
    [((5, 6), 5), ((5, 9), 9), ((5, 5, 6), 5), ((5, 6, 4, 5, 6, 7), 5), ((5, 9, 6), 9)],
)
def test_joined_base_is_what_none_of_the_saves_has(offsets: tuple[int, ...], base: int) -> None:
    batches = map(batch, offsets)
    whole = joined([Progress(one.base, one.checkpoint) for one in batches if one.base and one.checkpoint])
    assert dict(whole.base.positions) == {AT: position(1, base)}
    assert dict(whole.checkpoint.positions) == {AT: position(1, max(offsets) + 1)}
    assert dict(whole.checkpoint.digests) == {AT: f"digest {max(offsets)}"}
