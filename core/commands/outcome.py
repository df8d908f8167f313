"""What a command that is no rejection comes to: an append, or nothing."""

from dataclasses import dataclass
from typing import Any

from schemas.envelope import Record
from schemas.events import Event


@dataclass(frozen=True, slots=True)
class Append:
    """A yes: append `record`, and when it is durable answer `reply`. `content` is what must not differ in a retry.

    `event` is what the record holds. Where it is `first` it only makes way for the command: once it is durable and the
    view has passed it, the command is decided again.
    """

    record: Record
    event: Event
    event_id: str
    content: int
    reply: dict[str, Any]
    first: bool = False


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A yes that changes nothing: answer `reply`."""

    reply: dict[str, Any]


Decision = Append | Unchanged
