"""What every decision gets and how it says no."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, when (RFC 3339), and under which correlation id: time and ids come in from outside."""

    tenant: str
    actor: str
    at: str
    correlation_id: str


class Rejected(Exception):
    """A no, by a code of the one table. Raised by `decide`; a no that rests on absence is proved by the caller."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
