"""The `trace` processor saves a row for each record of every topic, so that a request is found by its id."""

from collections.abc import Sequence
from typing import Final

from core.ports.documents import Changes, Documents, TableGeneration
from core.ports.effects import Effects
from core.ports.event_log import Received
from projections.facts import Fact
from projections.trace import trace_rows
from schemas.topics import TOPICS
from streams.runtime.processor import Batch, everything


class Trace:
    """Writes the tables of the read model `trace`; it reads dead letters too, and makes none."""

    name: Final = trace_rows.MODEL
    version: Final = 1
    topics: Final = tuple(TOPICS)
    takes: Final = staticmethod(everything)
    tables: Final = (trace_rows.RECORDS, trace_rows.NAMED)

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def prepare(self, generation: int) -> None:
        """Create this generation's tables."""
        await self._documents.prepare([TableGeneration(table, generation) for table in self.tables])

    def facts_of(self, received: Sequence[Received]) -> list[Fact]:
        """Return a fact for each record that a trace can show, event of ours or not."""
        return [fact for record in received if (fact := trace_rows.fact_of(record)) is not None]

    async def apply(self, batch: Batch) -> Effects:
        """Fold and save: a row has one record, so nothing is looked up."""
        folded = trace_rows.fold(batch.facts)
        rows = [(batch.place(trace_rows.RECORDS), folded.records), (batch.place(trace_rows.NAMED), folded.named)]
        await self._documents.save(Changes(rows, [], batch.checkpoint, batch.base))
        return Effects()
