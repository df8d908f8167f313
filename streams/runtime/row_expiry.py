"""RowExpiry removes old rows of one table, a few at a time: it rests longer than it works, and nothing waits for it."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from core.health import Health
from core.ports.documents import Documents, StoreBroken, Table, TableGeneration
from core.ports.event_log import Unavailable
from projections.expiry import advance_horizon, age_index
from projections.generations import read_pointer

logger: Final = logging.getLogger("caas.expiry")
INTERVAL_S: Final = 60.0
"""Seconds between two looks when there is nothing to remove."""
ROWS_AT_ONCE: Final = 200
REST_S: Final = 0.05
RESTS: Final = 4.0
"""How many times as long as it worked it rests, at least `REST_S`."""
HORIZON_STEP_MS: Final = 60_000
"""The horizon moves in such steps, so that it is not written for each removal."""
DAY_MS: Final = 86_400_000


class RowExpiry:
    """Removes rows that are older than `days` from the live generation of a table that has the index `age`."""

    def __init__(
        self,
        documents: Documents,
        health: Health,
        table: Table,
        days: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        index = age_index(table)
        if index is None:
            raise ValueError(f"rows of the table {table.name} do not expire")
        self._index = index.name
        self._documents = documents
        self._health = health
        self._table = table
        self._kept_ms = days * DAY_MS
        self._now = now

    async def run(self) -> None:
        """Remove old rows until cancelled; a store that is away is tried again."""
        loop = asyncio.get_running_loop()
        while True:
            began, removed = loop.time(), 0
            try:
                removed = await self.remove_some()
            except (Unavailable, StoreBroken) as error:
                logger.debug("%s: old rows stay for now: %s", self._table.name, error)
            more = removed >= ROWS_AT_ONCE
            await asyncio.sleep(max(REST_S, (loop.time() - began) * RESTS) if more else INTERVAL_S)

    async def remove_some(self) -> int:
        """Remove the oldest rows, at most `ROWS_AT_ONCE`, and return how many. Raises `Unavailable`."""
        place = TableGeneration(self._table, (await read_pointer(self._documents, self._table.model)).live)
        before = (round(self._now() * 1000) - self._kept_ms) // HORIZON_STEP_MS * HORIZON_STEP_MS
        old = await self._documents.find(place, self._index, (), low=1, high=before, limit=ROWS_AT_ONCE)
        if old:
            await advance_horizon(self._documents, place, before)
            await self._documents.remove(place, [row["_id"] for row in old])
            self._health.count("rows_expired", len(old))
        return len(old)
