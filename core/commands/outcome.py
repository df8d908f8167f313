"""The outcomes of a command that is not rejected: an append, or no change."""

from dataclasses import dataclass
from typing import Any

from schemas.envelope import Record
from schemas.events import Event


@dataclass(frozen=True, slots=True)
class Append:
    """An acceptance: append `record`, answer `reply` once it is durable. `content` is a hash that a retry must match.

    `event` is the record's event. If it is `first` it only prepares the command: once it is durable and the view has
    read it, the command is decided again.
    """

    record: Record
    event: Event
    event_id: str
    content: int
    reply: dict[str, Any]
    first: bool = False


@dataclass(frozen=True, slots=True)
class Unchanged:
    """An acceptance that changes nothing: answer `reply`."""

    reply: dict[str, Any]


Decision = Append | Unchanged
