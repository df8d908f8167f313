"""Whether anybody works a read model: its workers are asked for a pause of a moment, and confirm it or do not.

That holds for every runner and store. Who answers at all answers within a tenth of a second or a batch.
"""

import asyncio
from typing import Final
from uuid import uuid4

import msgspec

from core.health import Health
from core.ports.documents import Documents
from core.retry import retry_until_available
from projections.generations import Pause, Pointer, read_pointer, replace_pointer, take_back
from schemas.topics import partitions
from streams.rebuild.lease import Refused
from streams.runtime.gate import confirmed_at
from streams.runtime.processor import Processor

WITHIN_S: Final = 5.0
POLL_S: Final = 0.02


async def needs_a_worker(
    processor: Processor, documents: Documents, health: Health, within_s: float = WITHIN_S
) -> None:
    """Raises `Refused` (`no_worker`) where nobody answers in time; an outage of the store is waited out.

    Where another rebuild has asked for a pause just now it is left to that one to find out.
    """
    name = processor.name
    old = await retry_until_available(name, lambda: read_pointer(documents, name), health)
    asked = msgspec.structs.replace(old, pause=Pause(request=str(uuid4()), seconds=within_s))
    if old.pause is not None or not await retry_until_available(
        name, lambda: replace_pointer(documents, name, asked, old), health
    ):
        return
    try:
        async with asyncio.timeout(within_s):
            await _confirmed(processor, documents, health, asked)
    except TimeoutError:
        raise Refused(
            "no_worker", f"nobody works {name}: start `caas worker {name}`, which a rebuild needs beside it"
        ) from None
    finally:
        await retry_until_available(name, lambda: take_back(documents, name, asked), health)


async def _confirmed(processor: Processor, documents: Documents, health: Health, asked: Pointer) -> None:
    """Return when a worker says of any partition that it pauses, or the pointer is another's."""
    name, pause = processor.name, asked.pause
    while pause is not None:
        for at in partitions(*processor.topics):
            if await retry_until_available(name, lambda: confirmed_at(documents, name, at, pause), health) is not None:  # noqa: B023
                return
        if (await retry_until_available(name, lambda: read_pointer(documents, name), health)).pause != pause:
            return
        await asyncio.sleep(POLL_S)
