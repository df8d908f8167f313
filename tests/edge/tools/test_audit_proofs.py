"""Proofs that the service gives are verified before they are printed."""

from typing import Any

import pytest
from msgspec import structs

from edge.tools.audit_proofs import Kept, NotProved, consistency, inclusion
from schemas.wire.audit import AuditTree
from tests.edge.tools.audit_source import Source, record

WHY = "a test"


async def test_record_is_proved() -> None:
    source = Source(11)
    for n in (1, 6, 11):
        found = await inclusion(source, f"a{n}", WHY)
        assert found is not None
        assert (found.entry.n, found.tree.size) == (n, 11)
        assert str(found).startswith(f"record a{n} is leaf {n - 1} of 11\n")
    assert await inclusion(source, "none", WHY) is None


async def test_record_that_was_changed_is_named() -> None:
    source = Source(11)
    entry = source.entry

    def changed(n: int, asked: Any) -> Any:
        return structs.replace(entry(n, asked), record=record(n, action="message:delete"))

    source.entry = changed  # type: ignore[method-assign]
    with pytest.raises(NotProved, match="record a6 was changed"):
        await inclusion(source, "a6", WHY)


async def test_record_that_is_not_in_the_tree_is_named() -> None:
    source = Source(11)
    entry = source.entry
    source.entry = lambda n, asked: structs.replace(entry(n, asked), proof=entry(1, asked).proof)  # type: ignore[method-assign]
    with pytest.raises(NotProved, match="record a6 is not in the tree of 11 records"):
        await inclusion(source, "a6", WHY)


@pytest.mark.parametrize("old", range(1, 12))
async def test_log_begins_with_an_older_one(old: int) -> None:
    source = Source(11)
    kept = Kept(old, (await source.tree({"size": str(old)})).root)
    found = await consistency(source, kept, None, WHY)
    assert (found.old_size, found.size, found.old_root) == (old, 11, kept.root)
    between = await consistency(source, Kept(old), Kept(11, found.root), WHY)
    assert between == found


async def test_log_that_was_changed_is_found() -> None:
    source = Source(11)
    kept = Kept(6, (await source.tree({"size": "6"})).root)
    source.records[2] = record(3, action="message:delete")
    with pytest.raises(NotProved, match="the first 6 records are not those of the checkpoint"):
        await consistency(source, kept, None, WHY)


async def test_answer_that_proves_nothing_is_found() -> None:
    source = Source(11)
    tree = source.tree

    async def other(asked: Any) -> AuditTree:
        found = await tree(asked)
        return structs.replace(found, consistency=found.consistency[1:])

    source.tree = other  # type: ignore[method-assign]
    with pytest.raises(NotProved, match="does not begin with that of 6"):
        await consistency(source, Kept(6), None, WHY)
