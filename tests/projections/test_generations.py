"""Tests pointers to live generations, and how a process follows them."""

import asyncio
from typing import Any

from projections.generations import Generations, Pause, Pointer, read_pointer, replace_pointer
from projections.stores.memory import MemoryDocuments


async def switch(documents: MemoryDocuments, live: int, turn: int) -> None:
    old = await read_pointer(documents, "messages")
    assert await replace_pointer(documents, "messages", Pointer(live=live, newest=live, turn=turn), old)


async def test_first_generation_is_live_without_a_document() -> None:
    assert await read_pointer(MemoryDocuments(), "messages") == Pointer(live=1, newest=1)


async def test_pointer_is_read_as_it_was_written() -> None:
    documents, new = MemoryDocuments(), Pointer(live=2, newest=3, pause=Pause(request="r", seconds=2.0), turn=1)
    assert await replace_pointer(documents, "messages", new, Pointer())
    assert await read_pointer(documents, "messages") == new


async def test_pointer_is_replaced_only_if_it_is_the_expected_one() -> None:
    documents = MemoryDocuments()
    assert await replace_pointer(documents, "messages", Pointer(newest=2), Pointer())
    assert not await replace_pointer(documents, "messages", Pointer(newest=2), Pointer())


async def test_push_of_a_newer_generation_refreshes_the_pointer() -> None:
    documents = MemoryDocuments()
    generations = Generations(documents, ("messages",))
    await switch(documents, live=2, turn=1)
    assert generations.live("messages") == 1
    await generations.at_least("messages", 2)
    assert generations.live("messages") == 2


class SlowDocuments(MemoryDocuments):
    """Answers the first read of a pointer late, with the value at the time of the call."""

    def __init__(self) -> None:
        super().__init__()
        self.late: asyncio.Event | None = asyncio.Event()

    async def pointer(self, name: str) -> dict[str, Any] | None:
        found, late = await super().pointer(name), self.late
        if late is not None and not late.is_set():
            self.late = None
            await late.wait()
        return found


async def test_late_read_never_brings_back_the_older_generation() -> None:
    documents = SlowDocuments()
    late = documents.late
    assert late is not None
    generations = Generations(documents, ("messages",))
    refreshing = asyncio.create_task(generations.refresh())
    while documents.late is not None:
        await asyncio.sleep(0)
    await switch(documents, live=2, turn=1)
    newer = asyncio.create_task(generations.at_least("messages", 2))
    late.set()
    await asyncio.gather(refreshing, newer)
    assert generations.live("messages") == 2


async def test_store_that_went_back_before_a_switch_is_followed() -> None:
    documents = MemoryDocuments()
    generations = Generations(documents, ("messages",))
    await switch(documents, live=2, turn=1)
    await generations.refresh()
    documents._pointers.clear()
    await generations.refresh()
    assert generations.live("messages") == 1


async def test_rollback_is_followed() -> None:
    documents = MemoryDocuments()
    generations = Generations(documents, ("messages",))
    for live, turn in ((2, 1), (1, 2)):
        await switch(documents, live, turn)
        await generations.refresh()
        assert generations.live("messages") == live
