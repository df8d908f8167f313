"""What all events begin with."""

from typing import Annotated

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class EventBase(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What all events say: whose they are and when, by the clock of the node that decided (UTC, milliseconds)."""

    tenant: str
    at: str
