"""Verifying: fold the log afresh, beside the live generation, and name every row that says something else."""

import logging
from typing import Final

from core.health import Health
from core.ports.documents import Documents
from core.ports.event_log import EventLog
from streams import behind
from streams.compare import Comparison, Difference, Side
from streams.replay import Fold, Live, Replay, Told, needs_all

logger: Final = logging.getLogger("caas.verify")
LOOKS: Final = 20


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
    progress: Told = _untold,
    waiting: behind.Told = behind.untold,
) -> list[Difference]:
    """The rows of this live generation that differ from what the log comes to, also while it moves on.

    `scratch` is empty and takes the fold. Of a search model the rows are verified; give a `fold` without its index.
    Rows that change at every look are left out, and logged. Raises `LogTruncated` and `StandsStill`.
    """
    processor = fold(scratch)
    await needs_all(processor, log, health)
    live = Live(processor, log, documents, health, generation)
    replay = Replay(processor, log, scratch, health, generation, told=progress)
    await replay.begin()
    await replay.to(await live.passed(waiting))
    compared = Comparison(processor.tables, Side(scratch, generation), Side(documents, generation), health)
    await compared.scan()
    for _ in range(LOOKS):
        if not compared.pending or compared.full:
            break
        await replay.to(await live.passed(waiting))
        await compared.look()
    if compared.pending:
        logger.warning("%s: %d rows changed at every look", processor.name, len(compared.pending))
    return compared.differences
