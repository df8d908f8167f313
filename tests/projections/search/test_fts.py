import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.ports.event_log import Unavailable
from core.ports.search_index import Hit, SearchTimeout
from projections.search.fts import FtsIndex
from tests.contracts.search_index import ALL, CONVERSATION, OTHER, SENT, SearchIndexContract, entry, ids, made, query


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
    return await ids(index, 1, query("hello"))


async def filled(index: FtsIndex) -> None:
    await made(index, 1)
    await index.index(1, [entry("a", "hello", 2)], {}, {SENT: 3})


async def test_indexed_message_is_found_after_a_restart(index: FtsIndex, path: Path) -> None:
    await filled(index)
    await index.stop()
    again = FtsIndex(path)
    await again.start()
    await again.put(1, [entry("a", "goodbye", 1)])
    assert await found(again) == ["a"]
    assert await again.checkpoint(1, ALL) == {SENT: 3}
    await again.stop()


async def test_letters_unknown_to_the_index_raise_nothing(index: FtsIndex) -> None:
    await made(index, 1)
    await index.put(1, [entry("a", "hello \U0001e900\U0001e901")])
    for text in ("\U0001e900\U0001e901", "hello \U0001e900", "² ½ ①", "e\u0301", "नमस्ते", "\u200b", "ﬁ"):
        await index.search(1, query(text), limit=10)


async def test_slow_search_times_out_and_delays_no_other(index: FtsIndex) -> None:
    await made(index, 1)
    words = [f"word{n}" for n in range(30)]
    await index.put(1, [entry(f"m{n}", " ".join(words), order=n) for n in range(20_000)])
    for text, within_s in (("word0", 0.0), (" ".join(words), 0.0001)):
        with pytest.raises(SearchTimeout):
            many = [f"c0000000-0000-5000-8000-{n:012}" for n in range(10, 2000)]
            await index.search(1, query(text, [*many, CONVERSATION]), limit=19_000, within_s=within_s)
    assert (await index.search(1, query("word0"), limit=1)).found == [Hit(19_999, "m19999")]


async def test_index_of_an_earlier_schema_is_ignored_and_dropped(index: FtsIndex, path: Path) -> None:
    await filled(index)
    with sqlite3.connect(path) as earlier:
        for name in ("entries", "texts", "words"):
            earlier.execute(f"DROP TABLE {name}2_1")
        earlier.execute("CREATE TABLE entries_1 (number INTEGER PRIMARY KEY)")
        earlier.execute("CREATE VIRTUAL TABLE words_1 USING fts5 (text)")
    assert await index.checkpoint(1, ALL) is None
    await filled(index)
    assert await found(index) == ["a"]
    with sqlite3.connect(path) as now:
        assert now.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('entries_1', 'words_1')").fetchone() == (
            0,
        )


async def test_thousands_of_messages_of_other_conversations_are_skipped_in_pages(index: FtsIndex) -> None:
    await made(index, 1)
    entries = [entry(f"m{n:05}", "hello", order=n, conversation=OTHER) for n in range(1, 30_000)]
    await index.put(1, [*entries, entry("mine", "hello", order=0)])
    many = [f"c0000000-0000-5000-8000-{n:012}" for n in range(10, 500)]
    first = await index.search(1, query("hello", [*many, CONVERSATION]), limit=10)
    assert (list(first.found), first.rest) == ([], Hit(9_999 + 1))
    assert await ids(index, 1, query("hello", [*many, CONVERSATION])) == ["mine"]
    assert (await index.search(1, query("hello"), limit=10)).found == [Hit(0, "mine")]


async def test_stopped_index_is_unavailable(index: FtsIndex) -> None:
    await filled(index)
    await index.stop()
    for call in (found(index), index.put(1, [entry("a", "hello")]), index.checkpoint(1, ALL)):
        with pytest.raises(Unavailable):
            await call


async def test_index_without_checkpoints_is_not_complete_and_is_filled_again(index: FtsIndex, path: Path) -> None:
    await filled(index)
    with sqlite3.connect(path) as earlier:
        earlier.execute("DROP TABLE states")
    assert await index.checkpoint(1, ALL) is None
    with pytest.raises(Unavailable):
        await found(index)
    await filled(index)
    assert await found(index) == ["a"]


async def test_checkpoint_detects_a_deleted_file(index: FtsIndex, path: Path) -> None:
    await filled(index)
    path.unlink()
    assert await index.checkpoint(1, ALL) is None
    await filled(index)
    assert path.exists()
    assert await found(index) == ["a"]


async def test_checkpoint_detects_a_replaced_file(index: FtsIndex, path: Path) -> None:
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


async def test_reader_may_start_before_the_file_exists(path: Path) -> None:
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
