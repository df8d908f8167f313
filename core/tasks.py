"""Tasks that nobody may wait for to the end."""

import asyncio
from typing import Any


def retrieved(task: asyncio.Task[Any]) -> None:
    """A done callback: asyncio shall not print how a task failed whose waiters were all cancelled."""
    if not task.cancelled():
        task.exception()
