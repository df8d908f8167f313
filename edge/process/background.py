"""Tasks that run as long as a block does: one that fails or ends takes the block down with it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def background(*services: tuple[str, Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run these named services beside the block; they are cancelled, and awaited, at its end. What the block raises
    is raised as it is, what services raise in a group.
    """
    failed: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_lasting(name, service), name=name) for name, service in services]
            try:
                yield
            except Exception as error:  # noqa: BLE001 - raised again below, outside of the group
                failed = error
            finally:
                for task in tasks:
                    task.cancel()
    finally:
        for _, service in services:
            service.close()  # one that was cancelled before it began
    if failed is not None:
        raise failed


async def _lasting(name: str, service: Coroutine[Any, Any, None]) -> None:
    await service
    raise RuntimeError(f"{name} ended by itself")
