from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.ports.event_log import Unavailable
from projections.search.fts import FtsIndex
from tests.contracts.search_index import CONVERSATION, SearchIndexContract, entry


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


async def test_what_was_indexed_is_found_after_a_restart(index: FtsIndex, path: Path) -> None:
    await index.index(1, [entry("a", "hello", 2)])
    await index.stop()
    again = FtsIndex(path)
    await again.start()
    await again.index(1, [entry("a", "goodbye", 1)])
    assert await again.search(1, "acme", "hello", [CONVERSATION], 10) == ["a"]
    await again.stop()


async def test_a_generation_nobody_made_has_nothing(index: FtsIndex) -> None:
    assert await index.search(7, "acme", "hello", [CONVERSATION], 10) == []


async def test_letters_that_the_index_does_not_know_raise_nothing(index: FtsIndex) -> None:
    await index.index(1, [entry("a", "hello \U0001e900\U0001e901")])
    for text in ("\U0001e900\U0001e901", "hello \U0001e900", "² ½ ①", "e\u0301", "नमस्ते", "\u200b", "ﬁ"):
        await index.search(1, "acme", text, [CONVERSATION], 10)


async def test_a_stopped_index_is_unavailable(index: FtsIndex) -> None:
    await index.stop()
    with pytest.raises(Unavailable):
        await index.search(1, "acme", "hello", [CONVERSATION], 10)
    with pytest.raises(Unavailable):
        await index.index(1, [entry("a", "hello")])
