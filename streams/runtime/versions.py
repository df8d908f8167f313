"""This module reports which version of a processor made the live rows: rows of another version keep being worked on,
and should be rebuilt.
"""

import logging
from collections.abc import Sequence
from typing import Final

from core.health import Health
from core.ports.documents import Documents
from core.retry import retry_until_available
from projections.generations import Pointer, read_pointer
from streams.runtime.processor import Processor

logger: Final = logging.getLogger("caas.versions")


class OtherVersion(Exception):
    """The live rows were made by another version of the processor: they cannot be compared with what this one makes."""


def check_version(pointer: Pointer, processor: Processor) -> None:
    """Raises `OtherVersion`."""
    if pointer.version not in {0, processor.version}:
        raise OtherVersion(
            f"{processor.name}: generation {pointer.live} was made by version {pointer.version} of the processor, and"
            f" this is version {processor.version}: `caas rebuild {processor.name}` rebuilds it"
        )


async def report_versions(documents: Documents, processors: Sequence[Processor], health: Health) -> list[str]:
    """Log a line for each read model that another version of its processor made, and return their names. Waits for the
    store.
    """
    outdated = []
    for processor in processors:
        name = processor.name
        pointer = await retry_until_available(f"{name}: pointer", lambda: read_pointer(documents, name), health)  # noqa: B023
        try:
            check_version(pointer, processor)
        except OtherVersion as other:
            logger.warning("%s", other)
            outdated.append(name)
    return outdated
