from collections.abc import AsyncIterator

import pytest

from projections.search.memory import MemorySearchIndex
from tests.contracts.search_index import SearchIndexContract


@pytest.fixture
async def index() -> AsyncIterator[MemorySearchIndex]:
    index = MemorySearchIndex()
    await index.start()
    yield index
    await index.stop()


class TestMemorySearchIndex(SearchIndexContract):
    pass
