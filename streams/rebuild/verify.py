"""Verifying: fold the log afresh, beside the live generation, and name every row that says something else."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.health import Health
from core.ports.documents import Documents, Table
from core.ports.event_log import EventLog
from streams.rebuild.compare import Comparison, Difference, Rows, Side
from streams.rebuild.replay import Fold, Live, Replay, Told, needs_all
from streams.runtime import lag

logger: Final = logging.getLogger("caas.verify")
LOOKS: Final = 20


@dataclass(frozen=True, slots=True)
class Verified:
    """How a read model compares with its log: `differing` of the `rows` compared differ, `differences` says in what
    the first of them do.
    """

    rows: int
    differing: int
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Beside:
    """A table that does not lie in the documents: how both sides of it are read."""

    table: Table
    expected: Rows
    found: Rows


def _untold(_done: int, _total: int) -> None:
    """Nobody watches."""


async def verify(
    fold: Fold,
    log: EventLog,
    documents: Documents,
    generation: int,
    *,
    scratch: Documents,
    health: Health,
    beside: Beside | None = None,
    progress: Told = _untold,
    waiting: lag.ProgressCallback = lag.no_progress,
) -> Verified:
    """The rows of this live generation that differ from what the log comes to, also while it moves on.

    `scratch` is empty and takes the fold. Where the processor writes something `beside`, that is compared too. Rows
    that change at every look are left out, and logged. Raises `LogTruncated` and `StandsStill`.
    """
    processor = fold(scratch)
    await needs_all(processor, log, health)
    live = Live(processor, log, documents, health, generation)
    replay = Replay(processor, log, scratch, health, generation, told=progress)
    await replay.begin()
    await replay.to(await live.passed(waiting))
    tables = (*processor.tables, beside.table) if beside else processor.tables
    expected: Rows = beside.expected if beside else scratch
    found: Rows = beside.found if beside else documents
    compared = Comparison(tables, Side(expected, generation), Side(found, generation), health)
    await compared.scan()
    for _ in range(LOOKS):
        if not compared.pending:
            break
        await replay.to(await live.passed(waiting))
        await compared.look()
    if compared.pending:
        logger.warning("%s: %d rows changed at every look", processor.name, len(compared.pending))
    return Verified(compared.rows, len(compared.differing), tuple(compared.differences))
