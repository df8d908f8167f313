"""What this process waits for, and what it has counted: readiness and metrics are read from here."""

from collections import Counter


class Health:
    """`waiting` maps what cannot go on to why; empty means ready. `counted` only grows."""

    def __init__(self) -> None:
        self.waiting: dict[str, str] = {}
        self.counted: Counter[str] = Counter()

    @property
    def ready(self) -> bool:
        """Whether nothing waits."""
        return not self.waiting

    def waits(self, what: str, cause: object) -> None:
        """`what` cannot go on because of `cause`."""
        self.waiting[what] = str(cause) or type(cause).__name__

    def goes_on(self, what: str) -> None:
        """`what` goes on."""
        self.waiting.pop(what, None)

    def count(self, what: str, by: int = 1) -> None:
        """Something happened."""
        self.counted[what] += by
