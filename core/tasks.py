"""Helpers for tasks and futures whose waiters may all be cancelled."""

import asyncio
from typing import Any


def retrieved(future: asyncio.Future[Any]) -> None:
    """Retrieve the exception of a task or future; a done callback, so that asyncio does not print that nobody did."""
    if not future.cancelled():
        future.exception()
