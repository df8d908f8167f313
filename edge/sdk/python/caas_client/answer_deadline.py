"""A line that owes an answer for too long is given up: what was asked on it is asked again on the next one."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from .connection import Connection

ANSWER_S: Final = 30.0
"""Maximum time that an answer is waited for on one line; a node answers within some 5 s what it can answer at all."""
LOOKS: Final = 8
"""How often it is looked within that time."""

logger: Final = logging.getLogger("caas.client")


async def watch(connection: Connection, late: Callable[[float], bool], busy: Callable[[], bool]) -> None:
    """Give the line up once something that was asked before a time is `late`.

    While the application is `busy`, and takes no events, nothing is read, and nothing can be late.
    """
    read_since = time.monotonic()
    while True:
        await asyncio.sleep(ANSWER_S / LOOKS)
        before = time.monotonic() - ANSWER_S
        if busy():
            read_since = time.monotonic()
        elif read_since <= before and late(before):
            logger.info("a line is given up: an answer did not come within %g s", ANSWER_S)
            await connection.give_up()
            return
