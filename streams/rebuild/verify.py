"""This module verifies a read model: it folds the log again, beside the live generation, and names every row that
differs.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.health import Health
from core.ports.documents import Documents, Table
from core.ports.event_log import EventLog
from streams.rebuild.compare import Comparison, Difference, Rows, Side
from streams.rebuild.replay import Fold, Live, Replay, ReplayProgress, require_whole_log
from streams.runtime import lag

logger: Final = logging.getLogger("caas.verify")
MAX_CHECKS: Final = 20


@dataclass(frozen=True, slots=True)
class Verified:
    """How a read model compares with its log: `differing` of the `rows` compared differ, `differences` says what
    differs in the first of them.
    """

    rows: int
    differing: int
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class ExtraTable:
    """A table outside the documents, and how both sides of it are read."""

    table: Table
    expected: Rows
    found: Rows


def _no_progress(_done: int, _total: int) -> None:
    """Ignore progress."""


async def verify(
    fold: Fold,
    log: EventLog,
    documents: Documents,
    generation: int,
    *,
    scratch: Documents,
    health: Health,
    extra_table: ExtraTable | None = None,
    progress: ReplayProgress = _no_progress,
    waiting: lag.ProgressCallback = lag.no_progress,
) -> Verified:
    """Return the rows of this live generation that differ from the result of the log, even while it advances.

    `scratch` is empty and takes the fold. Where the processor writes an `extra_table`, that is compared too. Rows that
    change at every check are left out, and logged. Raises `LogTruncated` and `ReadModelStalled`.
    """
    processor = fold(scratch)
    await require_whole_log(processor, log, health)
    live = Live(processor, log, documents, health, generation)
    replay = Replay(processor, log, scratch, health, generation, progress=progress)
    await replay.begin()
    await replay.to(await live.wait_until_caught_up(waiting))
    tables = (*processor.tables, extra_table.table) if extra_table else processor.tables
    expected: Rows = extra_table.expected if extra_table else scratch
    found: Rows = extra_table.found if extra_table else documents
    compared = Comparison(tables, Side(expected, generation), Side(found, generation), health, documents)
    await compared.scan()
    for _ in range(MAX_CHECKS):
        if not compared.pending:
            break
        await replay.to(await live.wait_until_caught_up(waiting))
        await compared.recheck()
    if compared.pending:
        logger.warning("%s: %d rows changed at every check", processor.name, len(compared.pending))
    return Verified(compared.rows, len(compared.differing), tuple(compared.differences))
