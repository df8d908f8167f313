"""What this process checks, what of it fails, and what it has counted: readiness and metrics are read from here."""

from collections import Counter
from typing import Final, Literal, NamedTuple

STARTING: Final = "starting"

Status = Literal["pass", "warn", "fail"]


class Check(NamedTuple):
    """How one check stands, and why unless it passes."""

    status: Status
    output: str = ""


class Health:
    """`waiting` maps what cannot go on to why; empty means ready. `counted` only grows.

    A check has a name from when it is expected, waits or warns for the first time, and keeps it.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, str] = {}
        self.counted: Counter[str] = Counter()
        self._warned: dict[str, str] = {}
        self._names: dict[str, None] = {}

    @property
    def ready(self) -> bool:
        """Whether nothing waits."""
        return not self.waiting

    def expects(self, *names: str) -> None:
        """These checks fail, as starting, until they go on."""
        for name in names:
            self._names.setdefault(name)
            self.waiting.setdefault(name, STARTING)

    def waits(self, what: str, cause: object) -> None:
        """`what` cannot go on because of `cause`."""
        self._names.setdefault(what)
        self._warned.pop(what, None)
        self.waiting[what] = _why(cause)

    def warns(self, what: str, cause: object) -> None:
        """`what` is away because of `cause`, and this process goes on without it."""
        self._names.setdefault(what)
        self.waiting.pop(what, None)
        self._warned[what] = _why(cause)

    def goes_on(self, what: str) -> None:
        """`what` goes on."""
        self._names.setdefault(what)
        self.waiting.pop(what, None)
        self._warned.pop(what, None)

    def checks(self) -> dict[str, Check]:
        """How every check stands that this process has."""
        return {name: self._check(name) for name in self._names}

    def _check(self, name: str) -> Check:
        if name in self.waiting:
            return Check("fail", self.waiting[name])
        if name in self._warned:
            return Check("warn", self._warned[name])
        return Check("pass")

    def count(self, what: str, by: int = 1) -> None:
        """Something happened."""
        self.counted[what] += by


def _why(cause: object) -> str:
    return str(cause) or type(cause).__name__
