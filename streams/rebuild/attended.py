"""This module checks whether a read model has a worker: it requests a short pause, which a worker confirms.

That works for every runner and store. A worker answers within a tenth of a second or a batch.
"""

import asyncio
from typing import Final
from uuid import uuid4

import msgspec

from core.health import Health
from core.ports.documents import Documents
from core.retry import retry_until_available
from projections.generations import Pause, Pointer, cancel_pause, read_pointer, replace_pointer
from schemas.topics import partitions
from streams.rebuild.lease import Refused
from streams.runtime.gate import confirmed_at
from streams.runtime.processor import Processor

TIMEOUT_S: Final = 5.0
POLL_INTERVAL_S: Final = 0.02


async def require_worker(
    processor: Processor, documents: Documents, health: Health, timeout_s: float = TIMEOUT_S
) -> None:
    """Raises `Refused` (`no_worker`) where no worker confirms in time; an outage of the store is waited out.

    Where another rebuild has just requested a pause, that one finds out.
    """
    name = processor.name
    old = await retry_until_available(name, lambda: read_pointer(documents, name), health)
    asked = msgspec.structs.replace(old, pause=Pause(request=str(uuid4()), seconds=timeout_s))
    if old.pause is not None or not await retry_until_available(
        name, lambda: replace_pointer(documents, name, asked, old), health
    ):
        return
    try:
        async with asyncio.timeout(timeout_s):
            await _confirmed(processor, documents, health, asked)
    except TimeoutError:
        raise Refused(
            "no_worker", f"{name} has no worker: start `caas worker {name}`, which a rebuild needs beside it"
        ) from None
    finally:
        await retry_until_available(name, lambda: cancel_pause(documents, name, asked), health)


async def _confirmed(processor: Processor, documents: Documents, health: Health, asked: Pointer) -> None:
    """Return when a worker confirms the pause of any partition, or the pointer has another pause."""
    name, pause = processor.name, asked.pause
    while pause is not None:
        for at in partitions(*processor.topics):
            if await retry_until_available(name, lambda: confirmed_at(documents, name, at, pause), health) is not None:  # noqa: B023
                return
        if (await retry_until_available(name, lambda: read_pointer(documents, name), health)).pause != pause:
            return
        await asyncio.sleep(POLL_INTERVAL_S)
