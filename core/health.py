"""Health keeps the checks, counters and measurements of this process: readiness and metrics are read from here."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple

from core.histogram import Histogram

STARTING: Final = "starting"

Labelled = Mapping[tuple[str, ...], float]
"""The values of a gauge, by the values of its labels in the order of `core.metrics`."""
Status = Literal["pass", "warn", "fail"]


class Check(NamedTuple):
    """The status of one check, and the cause unless it passes."""

    status: Status
    output: str = ""


class Health:
    """The checks and counters of a process. `waiting` maps each failing check to its cause; empty means ready.

    A check is listed from the first time that it is expected, waits or warns. `counted` only grows; what a gauge
    returns goes up and down; `histograms` have times. Their names are those of `core.metrics`.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, str] = {}
        self.counted: Counter[str] = Counter()
        self.histograms: dict[str, Histogram] = {}
        self._gauges: dict[str, Callable[[], int]] = {}
        self._labelled: dict[tuple[str, str], Callable[[], Labelled]] = {}
        self._warned: dict[str, str] = {}
        self._names: dict[str, None] = {}

    @property
    def ready(self) -> bool:
        """Whether no check fails."""
        return not self.waiting

    def expects(self, *names: str) -> None:
        """Add these checks; they fail, as starting, until `goes_on` is called."""
        for name in names:
            self._names.setdefault(name)
            self.waiting.setdefault(name, STARTING)

    def waits(self, what: str, cause: object) -> None:
        """Mark the check `what` as failing because of `cause`."""
        self._names.setdefault(what)
        self._warned.pop(what, None)
        self.waiting[what] = _why(cause)

    def warns(self, what: str, cause: object) -> None:
        """Mark the check `what` as warning because of `cause`: this process works without it."""
        self._names.setdefault(what)
        self.waiting.pop(what, None)
        self._warned[what] = _why(cause)

    def goes_on(self, what: str) -> None:
        """Mark the check `what` as passing."""
        self._names.setdefault(what)
        self.waiting.pop(what, None)
        self._warned.pop(what, None)

    def checks(self) -> dict[str, Check]:
        """Return the status of every check of this process, by name."""
        return {name: self._check(name) for name in self._names}

    def _check(self, name: str) -> Check:
        if name in self.waiting:
            return Check("fail", self.waiting[name])
        if name in self._warned:
            return Check("warn", self._warned[name])
        return Check("pass")

    def count(self, what: str, by: int = 1) -> None:
        """Add `by` to the counter `what`."""
        self.counted[what] += by

    def gauge(self, what: str, read: Callable[[], int]) -> None:
        """Let `read` return the value of the gauge `what` from now on."""
        self._gauges[what] = read

    def gauges(self) -> dict[str, int]:
        """Return the present value of every gauge, by name."""
        return {name: read() for name, read in self._gauges.items()}

    def labelled_gauge(self, what: str, of: str, read: Callable[[], Labelled]) -> None:
        """Let `read` return values of the gauge `what` from now on, in place of what `of` gave for it before."""
        self._labelled[what, of] = read

    def labelled_gauges(self) -> list[tuple[str, Labelled]]:
        """Return the present values of the gauges that have labels, by name; a name may be there several times."""
        return [(what, read()) for (what, _), read in self._labelled.items()]

    def histogram(self, what: str) -> Histogram:
        """Return the histogram of this name, whose owner keeps it: it is written without a look at the name."""
        return self.histograms.setdefault(what, Histogram())


class WarningHealth(Health):
    """The health of a part without which the process works: what fails here is a warning of `whole`."""

    def __init__(self, whole: Health) -> None:
        super().__init__()
        self._whole = whole

    def expects(self, *names: str) -> None:
        """Add these checks; they warn, as starting, until `goes_on` is called."""
        super().expects(*names)
        for name in names:
            self._whole.warns(name, STARTING)

    def waits(self, what: str, cause: object) -> None:
        """Mark the check as failing here, and as warning in the whole."""
        super().waits(what, cause)
        self._whole.warns(what, cause)

    def goes_on(self, what: str) -> None:
        """Mark the check as passing, here and in the whole."""
        super().goes_on(what)
        self._whole.goes_on(what)


def _why(cause: object) -> str:
    return str(cause) or type(cause).__name__
