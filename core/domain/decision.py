"""The input of every decision, and the exception by which it rejects."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.wire.field_errors import Code


@dataclass(frozen=True, slots=True)
class Context:
    """The actor, the time (RFC 3339) and the correlation id of a command: time and ids are given from outside.

    `names` are the prefixes of the names that the actor may open for an application: an actor with any acts for one.
    `actor_context` is how the actor came here (`core.audit.actor_context`), for the log. `traceparent` is the trace
    context that the command's records continue, empty if they begin a trace.
    """

    tenant: str
    actor: str
    at: str
    correlation_id: str
    names: tuple[str, ...] = ()
    actor_context: str = ""
    traceparent: str = ""

    def may_name(self, name: str) -> bool:
        """Return whether the actor may open this name of an application."""
        return name.startswith(self.names)


class Rejected(Exception):
    """A rejection, by a code of the error table. Raised by `decide`; the caller re-checks one caused by missing data.

    `errors` has the wrong fields, as `(pointer, code)` of schemas.wire.field_errors.
    """

    def __init__(self, code: str, detail: str = "", errors: Sequence[tuple[str, Code]] = ()) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)


def field_error(field: str, code: Code, detail: str) -> Rejected:
    """Return the rejection of a field, such as `text`, that is valid by itself and wrong in this command."""
    return Rejected("validation_failed", detail, [(f"/data/{field}", code)])
