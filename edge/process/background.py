"""Run tasks as long as a block: one that fails or ends also ends the block."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def background(*services: tuple[str, Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run these named services beside the block; at its end they are cancelled and awaited. An error of the block is
    raised as it is, errors of services in a group.
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
