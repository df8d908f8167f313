"""Contract of every document store, in a store that other tests have written to."""

import random
from collections.abc import AsyncIterator

import pytest

from core.ports.documents import Documents, TableGeneration
from tests.contracts.document_losses import DocumentLossesContract
from tests.contracts.document_queries import DocumentQueriesContract
from tests.contracts.document_rows import DocumentRowsContract
from tests.contracts.document_samples import (
    BIG,
    FIRST,
    HEADS,
    INT64,
    ROWS,
    TABLES,
    fresh,
    rows,
    seen,
    sent,
    stands,
    write,
)

__all__ = [
    "BIG",
    "FIRST",
    "HEADS",
    "INT64",
    "ROWS",
    "TABLES",
    "DocumentsContract",
    "fresh",
    "rows",
    "seen",
    "sent",
    "stands",
    "write",
]


class DocumentsContract(DocumentRowsContract, DocumentQueriesContract, DocumentLossesContract):
    """Give a fixture `documents`: Documents started with `TABLES`, stopped by the fixture afterwards; and `lose`, which
    drops a table from outside.
    """

    @pytest.fixture
    async def generation(self, documents: Documents) -> AsyncIterator[int]:
        generation = random.randrange(1, 1_000_000)
        places = [TableGeneration(table, generation) for table in TABLES]
        await documents.prepare(places)
        yield generation
        await documents.drop(places)

    @pytest.fixture
    def place(self, generation: int) -> TableGeneration:
        return TableGeneration(ROWS, generation)

    @pytest.fixture
    def heads(self, generation: int) -> TableGeneration:
        return TableGeneration(HEADS, generation)
