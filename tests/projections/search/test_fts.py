import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.ports.event_log import Unavailable
from projections.search.fts import FtsIndex
from tests.contracts.search_index import ALL, CONVERSATION, SENT, SearchIndexContract, entry, made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "search.db"


@pytest.fixture
async def index(path: Path) -> AsyncIterator[FtsIndex]:
    index = FtsIndex(path)
    await index.start()
    yield index
    await index.stop()


class TestFtsIndex(SearchIndexContract):
    pass


async def found(index: FtsIndex) -> list[str]:
    return await index.search(1, "acme", "hello", [CONVERSATION], 10)


async def filled(index: FtsIndex) -> None:
    await made(index, 1)
    await index.index(1, [entry("a", "hello", 2)], {}, {SENT: 3})


async def test_what_was_indexed_is_found_after_a_restart(index: FtsIndex, path: Path) -> None:
    await filled(index)
    await index.stop()
    again = FtsIndex(path)
    await again.start()
    await again.put(1, [entry("a", "goodbye", 1)])
    assert await found(again) == ["a"]
    assert await again.checkpoint(1, ALL) == {SENT: 3}
    await again.stop()


async def test_letters_that_the_index_does_not_know_raise_nothing(index: FtsIndex) -> None:
    await made(index, 1)
    await index.put(1, [entry("a", "hello \U0001e900\U0001e901")])
    for text in ("\U0001e900\U0001e901", "hello \U0001e900", "² ½ ①", "e\u0301", "नमस्ते", "\u200b", "ﬁ"):
        await index.search(1, "acme", text, [CONVERSATION], 10)


async def test_a_stopped_index_is_unavailable(index: FtsIndex) -> None:
    await filled(index)
    await index.stop()
    for call in (found(index), index.put(1, [entry("a", "hello")]), index.checkpoint(1, ALL)):
        with pytest.raises(Unavailable):
            await call


async def test_an_index_without_checkpoints_is_not_complete_and_is_filled_again(index: FtsIndex, path: Path) -> None:
    await filled(index)
    with sqlite3.connect(path) as earlier:
        earlier.execute("DROP TABLE states")
    assert await index.checkpoint(1, ALL) is None
    with pytest.raises(Unavailable):
        await found(index)
    await filled(index)
    assert await found(index) == ["a"]


async def test_a_file_deleted_under_it_is_noticed_with_the_checkpoint(index: FtsIndex, path: Path) -> None:
    await filled(index)
    path.unlink()
    assert await index.checkpoint(1, ALL) is None
    await filled(index)
    assert path.exists()
    assert await found(index) == ["a"]


async def test_an_older_file_moved_there_is_noticed_with_the_checkpoint(index: FtsIndex, path: Path) -> None:
    await filled(index)
    with sqlite3.connect(path) as now, sqlite3.connect(path.with_name("older")) as older:
        now.backup(older)
    older.close()
    await index.index(1, [entry("b", "hello", 2)], {SENT: 3}, {SENT: 4})
    path.with_name("older").replace(path)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink()
    assert await index.checkpoint(1, ALL) == {SENT: 3}
    assert await found(index) == ["a"]


async def test_one_who_only_reads_may_come_before_the_file(path: Path) -> None:
    reader, writer = FtsIndex(path, read_only=True), FtsIndex(path)
    await reader.start()
    with pytest.raises(Unavailable):
        await reader.checkpoint(1, ALL)
    await writer.start()
    assert await reader.checkpoint(1, ALL) is None
    await filled(writer)
    assert await found(reader) == ["a"]
    await reader.stop()
    await writer.stop()
