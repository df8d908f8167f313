"""List what a process of processors does beside them: it writes the journal, counts dead letters, removes old rows."""

from collections.abc import Coroutine, Sequence
from typing import Any, Final

from core.health import Health
from core.settings import Settings
from edge.composition.compose import PROCESSORS, Adapters
from projections.journal import batch_rows
from projections.trace import trace_rows
from streams.runtime.batch_journal import BatchJournal
from streams.runtime.dead_letter_watch import DeadLetterWatch
from streams.runtime.row_expiry import RowExpiry

JOURNAL_DAYS: Final = 7
"""How long the journal is kept: as long as the topics keep what it is of."""
OF_ALL: Final = trace_rows.MODEL
"""The processor that reads all topics: its process does what one process has to do for all."""


def upkeep(
    found: Adapters, settings: Settings, health: Health, journal: BatchJournal, names: Sequence[str]
) -> list[tuple[str, Coroutine[Any, Any, None]]]:
    """Return the services of a process with these processors, each with its name."""
    services = [("journal", journal.run())]
    if OF_ALL in names:
        kept = [(batch_rows.BATCHES, JOURNAL_DAYS)]
        kept += [(table, settings.trace_days) for table in (trace_rows.RECORDS, trace_rows.NAMED)]
        services.append(("dead-letters", DeadLetterWatch(found.log, health, PROCESSORS).run()))
        services += [
            (f"expiry-{table.name}", RowExpiry(found.documents, health, table, days).run()) for table, days in kept
        ]
    return services
