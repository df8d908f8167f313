"""Shows the progress of long work: a bar on a terminal, else a line every tenth; and what a verb waits for, in a line
every few seconds.
"""

import sys
import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

FIRST_DELAY_S: Final = 1.0
INTERVAL_S: Final = 5.0
COLUMNS = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[unit]}"), TimeRemainingColumn())


class Bar:
    """Shows progress; call `show(done, total)`."""

    def __init__(self, what: str, unit: str) -> None:
        self._what = what
        self._unit = unit
        self._tenths = 0
        self._watched = sys.stderr.isatty()
        self._progress = Progress(
            TextColumn("{task.description}"), *COLUMNS, console=Console(stderr=True), disable=not self._watched
        )
        self._task = self._progress.add_task(what, total=None, unit=unit)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def show(self, done: int, total: int) -> None:
        """Show that `done` of `total` units are done."""
        if self._watched:
            self._progress.update(self._task, completed=done, total=total)
        elif total and (tenths := done * 10 // total) > self._tenths:
            self._tenths = tenths
            sys.stderr.write(f"{self._what}: {done} of {total} {self._unit}\n")
            sys.stderr.flush()


class Waiting:
    """Prints on stderr that a verb waits for a read model: after one second, then every five; call `show`."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._model = ""
        self._next = 0.0

    def show(self, model: str, behind: int) -> None:
        """Show that the model is `behind` records behind the log; 0 ends the wait."""
        now = time.monotonic()
        if behind == 0:
            self._model = ""
        elif model != self._model:
            self._model, self._next = model, now + FIRST_DELAY_S
        elif now >= self._next:
            self._next = now + INTERVAL_S
            sys.stderr.write(f"{self._verb}: waits for {model}, {behind} records behind the log\n")
            sys.stderr.flush()
