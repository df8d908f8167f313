"""The process of `trace` does what one process has to do for all; each writes its own journal."""

from pathlib import Path

import pytest

from core.health import Health
from core.settings import Settings
from edge.composition import compose
from edge.composition.compose import PROCESSORS
from edge.composition.upkeep import upkeep
from edge.process.background import background
from projections.journal import batch_rows
from projections.trace import trace_rows
from streams.runtime.batch_journal import BatchJournal
from tests.eventually import eventually


@pytest.mark.parametrize(
    ("names", "services"),
    [
        (("messages", "search"), ["journal"]),
        (PROCESSORS, ["journal", "dead-letters", "expiry-batches", "expiry-records", "expiry-named"]),
    ],
)
async def test_process_does_what_its_processors_ask_for(
    tmp_path: Path, names: tuple[str, ...], services: list[str]
) -> None:
    settings, health = Settings(data=str(tmp_path)), Health()
    async with compose.opened(compose.embedded(settings)) as found:
        listed = upkeep(found, settings, health, BatchJournal(found.documents, health), names)
        assert [name for name, _ in listed] == services
        async with background(*listed):
            await eventually(lambda: prepared(found))


async def prepared(found: compose.Adapters) -> bool:
    return await found.documents.pointer(f"table {batch_rows.MODEL}/batches/1") is not None


def test_tables_that_expire_are_those_that_have_ages() -> None:
    aged = [batch_rows.BATCHES, trace_rows.RECORDS, trace_rows.NAMED]
    assert all(any(index.name == "age" for index in table.indexes) for table in aged)
