"""What every decision gets and how it says no."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.wire.field_errors import Code


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, when (RFC 3339), and under which correlation id: time and ids come in from outside.

    `names` says how the names begin that the actor may open for an application: whoever has any acts for one.
    """

    tenant: str
    actor: str
    at: str
    correlation_id: str
    names: tuple[str, ...] = ()

    def may_name(self, name: str) -> bool:
        """Whether the actor may open this name of an application."""
        return name.startswith(self.names)


class Rejected(Exception):
    """A no, by a code of the one table. Raised by `decide`; a no that rests on absence is proved by the caller.

    `errors` names the fields that are wrong, as `(pointer, code)` of schemas.wire.field_errors.
    """

    def __init__(self, code: str, detail: str = "", errors: Sequence[tuple[str, Code]] = ()) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)


def field_error(field: str, code: Code, detail: str) -> Rejected:
    """The no to a command whose field, such as `text`, is in itself right and wrong beside the others."""
    return Rejected("validation_failed", detail, [(f"/data/{field}", code)])
