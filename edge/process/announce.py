"""Log once that a process is ready, when no check fails for the first time."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from core.health import Health

logger: Final = logging.getLogger("caas.ready")
POLL_INTERVAL_S: Final = 0.02


@asynccontextmanager
async def announced(health: Health, where: str) -> AsyncIterator[None]:
    """While the block runs, log `ready on {where}` once, as soon as the process is ready."""
    announcing = asyncio.create_task(_announce(health, where), name="announce")
    try:
        yield
    finally:
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)


async def _announce(health: Health, where: str) -> None:
    while not health.ready:  # noqa: ASYNC110 - many places change the checks
        await asyncio.sleep(POLL_INTERVAL_S)
    logger.info("ready on %s", where)
