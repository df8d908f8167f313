"""The base of all events."""

from typing import Annotated

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class EventBase(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The fields of every event: its tenant, and its time by the clock of the node that decided (UTC, milliseconds)."""

    tenant: str
    at: str
