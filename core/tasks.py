"""Helpers for tasks whose waiters may all be cancelled."""

import asyncio
from typing import Any


def retrieved(task: asyncio.Task[Any]) -> None:
    """Retrieve the task's exception; a done callback, so that asyncio does not print that nobody did."""
    if not task.cancelled():
        task.exception()
