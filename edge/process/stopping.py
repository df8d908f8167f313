"""Stop a process on signals: the first SIGTERM, SIGHUP or Ctrl-C asks it to stop, the second ends it at once."""

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine
from typing import Any, Final

logger: Final = logging.getLogger("caas.stopping")
INTERRUPTED: Final = 130
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def on_signals() -> asyncio.Event:
    """Return an event that the first signal sets; a second one ends the process, which loses nothing acknowledged.

    A process that was started to outlive its terminal (`nohup`) still ignores SIGHUP.
    """
    asked = asyncio.Event()

    def ask() -> None:
        if asked.is_set():
            os._exit(INTERRUPTED)
        asked.set()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, ask)
    return asked


async def until(asked: asyncio.Event, *services: tuple[str, Coroutine[Any, Any, None]]) -> None:
    """Run the named services until `asked` is set; one that ends or fails by itself ends them all, and is raised."""
    tasks = [asyncio.create_task(service, name=name) for name, service in services]
    asking = asyncio.create_task(asked.wait(), name="asked-to-stop")
    try:
        done, _ = await asyncio.wait([asking, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {asking}:
            task.result()
            raise RuntimeError(f"{task.get_name()} ended by itself")
    finally:
        for task in (asking, *tasks):
            task.cancel()
        for task, how in zip(tasks, await asyncio.gather(*tasks, return_exceptions=True), strict=True):
            if isinstance(how, Exception) and asked.is_set():
                logger.error("%s failed while it stopped", task.get_name(), exc_info=how)
