"""Proofs from the tiles that the processor saved verify against the roots of a tree of all records."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.audit.merkle import root_of, verify_consistency, verify_inclusion
from core.health import Health
from core.ports.documents import Documents, TableGeneration
from projections.audit import audit_rows
from projections.audit.audit_rows import LANE
from projections.generations import Generations
from projections.queries.audit_trees import AuditTrees
from projections.stores.memory import MemoryDocuments
from projections.stores.sqlite import SqliteDocuments
from streams.processors.audit import Audit
from streams.runtime.worker import Worker
from tests.streams.processors.test_audit import recorded
from tests.streams.world import TENANT, RecordingEmitter, stored

SIZE = 700


@pytest.fixture(params=["memory", "sqlite"])
async def documents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Documents]:
    found = MemoryDocuments() if request.param == "memory" else SqliteDocuments(tmp_path / "documents.sqlite")
    await found.start(Audit.tables)
    yield found
    await found.stop()


async def fill(documents: Documents, size: int, chance: random.Random) -> None:
    """Save records in batches of any size, some of them again."""
    worker = Worker(Audit(documents), documents, RecordingEmitter(), Health())
    await worker.begin(1, epoch=1)
    offset = 0
    while offset < size:
        count = min(chance.choice((1, 3, 90, 255, 256, 300)), size - offset)
        await worker.work([stored(recorded(f"r{n}"), n) for n in range(offset, offset + count)])
        offset += count


async def leaves_of(documents: Documents) -> list[bytes]:
    rows = await documents.scan(TableGeneration(audit_rows.ROWS, 1), limit=5000)
    return [bytes.fromhex(row[LANE]["leaf"]) for row in sorted(rows, key=lambda row: row[LANE]["n"])]


def trees(documents: Documents) -> AuditTrees:
    return AuditTrees(documents, Generations(documents, (audit_rows.MODEL,)))


@pytest.mark.parametrize("seed", range(3))
async def test_proofs_of_every_size_verify(documents: Documents, seed: int) -> None:
    chance = random.Random(seed)
    await fill(documents, SIZE, chance)
    leaves, found = await leaves_of(documents), trees(documents)
    assert len(leaves) == SIZE
    newest = await found.newest(TENANT)
    assert (newest.size, newest.root()) == (SIZE, root_of(leaves))
    for size in (1, 2, 255, 256, 257, 511, 512, 513, SIZE, *chance.sample(range(1, SIZE), 10)):
        root = root_of(leaves[:size])
        assert await found.root(TENANT, size) == root
        indexes = {0, size - 1, size // 2, chance.randrange(size)}
        for index, proof in (await found.inclusion(TENANT, indexes, size)).items():
            assert verify_inclusion(leaves[index], index, size, proof, root)
        old = chance.randrange(1, size + 1)
        proof = await found.consistency(TENANT, old, size)
        assert verify_consistency(old, size, proof, root_of(leaves[:old]), root)


async def test_rows_are_the_same_however_they_are_divided() -> None:
    contents = []
    for seed in range(3):
        documents = MemoryDocuments()
        await documents.start(Audit.tables)
        await fill(documents, SIZE, random.Random(seed))
        contents.append({key: rows for key, rows in documents._rows.items() if key[0] == "audit"})
    assert contents[0] == contents[1] == contents[2]


async def test_batch_that_is_applied_again_changes_nothing() -> None:
    documents = MemoryDocuments()
    await documents.start(Audit.tables)
    await fill(documents, SIZE, random.Random(1))
    before = {key: dict(rows) for key, rows in documents._rows.items()}
    worker = Worker(Audit(documents), documents, RecordingEmitter(), Health())
    await worker.begin(1, epoch=1)
    await worker.work([stored(recorded(f"r{n}"), n) for n in range(SIZE - 300, SIZE)])
    assert documents._rows == before


async def test_empty_tree_has_the_root_of_nothing(documents: Documents) -> None:
    await documents.prepare([TableGeneration(table, 1) for table in Audit.tables])
    found = trees(documents)
    assert await found.root(TENANT, 0) == root_of([]) == (await found.newest(TENANT)).root()
    with pytest.raises(LookupError):
        await found.root(TENANT, 1)
