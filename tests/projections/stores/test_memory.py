import asyncio
from collections.abc import AsyncIterator

import pytest

from core.ports.documents import Changes, Checkpoint, TableGeneration
from projections.stores.memory import MemoryDocuments
from schemas.topics import MESSAGE_SENT, Partition
from tests.contracts.document_losses import Lose
from tests.contracts.documents import HEADS, ROWS, TABLES, DocumentsContract, sent, write


@pytest.fixture
async def documents() -> AsyncIterator[MemoryDocuments]:
    documents = MemoryDocuments()
    await documents.start(TABLES)
    yield documents
    await documents.stop()


class TestMemoryDocuments(DocumentsContract):
    @pytest.fixture
    def lose(self, documents: MemoryDocuments) -> Lose:
        async def lose(place: TableGeneration) -> None:
            documents.lose(place)

        return lose


async def test_save_cancelled_at_any_turn_leaves_a_prefix_of_rows_heads_and_checkpoint() -> None:
    place, heads, at = TableGeneration(ROWS, 1), TableGeneration(HEADS, 1), Partition(MESSAGE_SENT, 0)
    changes = Changes(
        [(place, [sent("a", 1), sent("b", 2)])],
        [(heads, [write("c", {"sent": {"pos": 2, "n": 2}}), write("d", {"sent": {"pos": 1, "n": 1}})])],
        Checkpoint("messages", 1, {at: 3}),
    )
    left = []
    for turns in range(10):
        documents = MemoryDocuments()
        saving = asyncio.create_task(documents.save(changes))
        for _ in range(turns):
            await asyncio.sleep(0)
        saving.cancel()
        await asyncio.wait([saving])
        rows, head_rows = await documents.scan(place), await documents.scan(heads)
        checkpoints = await documents.checkpoints("messages", 1)
        left.append("".join(row["_id"] for row in rows + head_rows) + "!" * len(checkpoints))
    assert list(dict.fromkeys(left)) == ["", "a", "ab", "abc", "abcd", "abcd!"]
